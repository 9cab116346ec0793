"""Desk settings: what staff see of a customer, and replies that are written once: `desk:` and `canned:` of site.yaml.

Pure: no files, no clock, and no template language: a placeholder is a name, and the browser puts the value in.
"""

import re
from typing import Annotated, Final

from pydantic import Field, field_validator

from server.site.forms import Locale, Part, form

VARIABLES: Final = ("customer", "staff", "shop")
"""What a canned reply can name: the customer's first name, the colleague's name, the shop's."""

_PLACEHOLDER: Final = re.compile(r"\{\{(.*?)\}\}", re.S)
_KNOWN: Final = re.compile(rf"\s*({'|'.join(VARIABLES)})\s*( or [^{{}}]+)?")

CannedName = Annotated[
    str, form(r"[a-z0-9][a-z0-9_-]{0,31}", "a name of small letters, digits, _ and -, at most 32, such as late-parcel")
]


class Canned(Part):
    """A reply that is written once."""

    name: CannedName = Field(description="Its shortcut: `/name` in the desk's message field.")
    text: str = Field(
        min_length=1,
        max_length=4000,
        description="The reply. `{{customer}}`, `{{staff}}` and `{{shop}}` are filled in; `{{customer or there}}` has a word for "
        "when it is not known.",
    )
    locale: Locale | None = Field(default=None, description="The language it is in; offered for all if absent.")

    @field_validator("text")
    @classmethod
    def _known_placeholders(cls, value: str) -> str:
        for found in _PLACEHOLDER.findall(value):
            if not _KNOWN.fullmatch(found):
                names = ", ".join("{{" + name + "}}" for name in VARIABLES)
                raise ValueError(f"expected one of {names}, got {{{{{found}}}}}")
        return value


class DeskView(Part):
    """What staff see beside a conversation."""

    customer_tools: tuple[str, ...] = Field(
        default=(),
        max_length=5,
        description="Tools that only read and need no argument, such as `list_orders`: staff see what they return for the "
        "customer of the conversation.",
    )
