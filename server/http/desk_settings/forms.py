"""Forms: between what stands in a form's fields and what belongs into a file.

Pure. Fields are named as the keys of the file: `theme.accent`, `greeting.de`, `canned[2].text`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from server.http.desk_settings.base import Form, Wrong
from server.site import Problem, Site

Path_ = tuple[str | int, ...]
Fields = Mapping[str, str]
"""What stands in each field, as a browser sends it."""

ALL: Final = "*"
"""Instead of a language: one text for all of them."""
NEW: Final = "+"
"""Instead of a language: of another one, whose tag stands in `NAME.+tag`."""
_MESSAGE: Final = re.compile(r"([\w.*+-]+(?:\[\d+\][\w.*+-]*)*): (.*)", re.S)


def wrong_of(problems: Iterable[Problem], names: Iterable[str], aliases: Mapping[str, str] | None = None) -> Wrong:
    """The problems, each at the field that it is about: the one whose name begins its place in the file.

    `aliases` are names of fields by the place in the file, where they differ.
    """
    known = {name: name for name in names} | dict(aliases or {})
    at: dict[str, str] = {}
    general: list[str] = []
    for problem in problems:
        found = _MESSAGE.fullmatch(problem.message)
        place = found[1] if found is not None else ""
        name = max((one for one in known if _begins(one, place)), key=len, default="")
        if name and found is not None:
            at.setdefault(known[name], sentence(found[2]))
        else:
            general.append(f"{problem.file.name}, line {problem.line}: {problem.message}")
    return Wrong(at, tuple(dict.fromkeys(general)))


def _begins(name: str, place: str) -> bool:
    return place == name or place.startswith((f"{name}.", f"{name}["))


def sentence(text: str) -> str:
    """A message as a sentence."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text[-1:] in ".!?" else ".")


def lines(text: str) -> list[str]:
    """The lines that say something, without the space around them."""
    return [line.strip() for line in text.split("\n") if line.strip()]


# Texts per language


def languages_of(site: Site, *values: Any) -> list[str]:  # noqa: ANN401 - texts per language, or one text
    """The languages that texts are asked for: the shop's own, those that it answers in, and those that there are texts in."""
    own = [site.locale, *site.languages]
    return list(dict.fromkeys([*own, *(code for value in values if isinstance(value, Mapping) for code in value)]))


def text_fields(name: str, value: Any, languages: Sequence[str], *, joined: bool = False) -> dict[str, str]:  # noqa: ANN401 - as above
    """The fields for a text per language, `NAME.de`; `joined`: for a list of texts, one a line."""

    def shown(one: Any) -> str:  # noqa: ANN401 - as above
        return "\n".join(one) if joined else str(one)

    fields = {f"{name}.{code}": "" for code in languages} | {f"{name}.{NEW}": "", f"{name}.{NEW}tag": ""}
    if isinstance(value, Mapping):
        return fields | {f"{name}.{code}": shown(one) for code, one in value.items()}
    return fields | {f"{name}.{ALL}": shown(value) if value else ""}


def text_value(name: str, fields: Fields, own: str, *, joined: bool = False) -> Any:  # noqa: ANN401 - texts per language, or one text
    """What the fields of a text per language say: one text where there is only one for all, else a map; None for nothing.

    A text for all beside others is the one in the shop's `own` language.
    """
    found: dict[str, Any] = {}
    for field, typed in fields.items():
        code = field.removeprefix(f"{name}.")
        text: Any = lines(typed) if joined else typed.strip()
        if code == field or not text or code == f"{NEW}tag":
            continue
        if code == NEW:
            code = fields.get(f"{name}.{NEW}tag", "").strip() or NEW  # what is no language is said to be none
        found[code] = text
    if not found:
        return None
    if set(found) == {ALL}:
        return found[ALL]
    for_all = found.pop(ALL, None)
    return {own: for_all} | found if for_all else found


def sent_texts(form: Form, name: str) -> dict[str, str]:
    """The fields of a text per language, whichever the form had."""
    return {field: form.text(field) for field, _ in form.fields if field.startswith(f"{name}.")}


def codes_in(name: str, fields: Fields) -> list[str]:
    """The languages of which there are fields, in their order."""
    codes = [field.removeprefix(f"{name}.") for field in fields if field.startswith(f"{name}.")]
    return [code for code in codes if code not in (ALL, NEW, f"{NEW}tag")]


def text_changed(name: str, before: Fields, now: Fields) -> str:
    """The languages in which a text differs, in words."""
    words = []
    for field, text in now.items():
        code = field.removeprefix(f"{name}.")
        if code in (field, f"{NEW}tag") or text.strip() == before.get(field, "").strip():
            continue
        words.append({ALL: "all languages", NEW: now.get(f"{name}.{NEW}tag", "")}.get(code, code))
    return ", ".join(filter(None, words))


def said(changed: Sequence[str]) -> str:
    """What was changed, for the history: `accent colour, title and radius`."""
    names = list(dict.fromkeys(changed))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"
