"""People: who works at the desk, and what they may see.

Pure: it keeps nothing and checks no password.
"""

from dataclasses import dataclass
from typing import Literal

from retrieval.text import language_of

Role = Literal["agent", "admin"]


class StaffError(Exception):
    """Something that a person at the command line or the sign-in page should read."""


class LockedOut(StaffError):
    """Too many wrong passwords; `retry_after_s` says when to try again."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many wrong passwords; try again in {max(1, round(retry_after_s / 60))} minutes")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Staff:
    """One person. `sites` are the keys of the shops they may see; empty: all of them."""

    id: str
    email: str
    name: str
    role: Role
    sites: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    skills: frozenset[str] = frozenset()
    """Names of the shop's agents and topics that they see to; of these and of `languages`, none listed is all."""
    picture: str | None = None
    """The path on this server at which customers' browsers find it."""

    @property
    def signature(self) -> dict[str, str]:
        """Whose word or deed an event is: `by`, `name`, and `picture` if there is one."""
        signed = {"by": self.id, "name": self.name}
        return signed | ({"picture": self.picture} if self.picture is not None else {})

    def speaks(self, language: str) -> bool:
        """Whether this person can be given a conversation in this language; one that is not known is anybody's."""
        own = {language_of(code) for code in self.languages}
        return not own or not language or language_of(language) in own

    def can(self, skill: str) -> bool:
        """Whether this person sees to conversations of this kind; of no kind, anybody does."""
        return not skill or not self.skills or skill.lower() in self.skills

    def sees(self, site: str) -> bool:
        """Whether this person may see a site's conversations."""
        return not self.sites or site in self.sites


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A signed-in browser. `csrf` goes into forms; `turned` is a new cookie value, to be set, or None."""

    staff: Staff
    id: str
    """Names the session in the process; it is not the cookie."""
    csrf: str
    turned: str | None = None
