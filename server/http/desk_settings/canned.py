"""Canned page: `canned:` of site.yaml, replies that are written once, with their shortcuts.

It fills in no placeholder: the desk does.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from server.http.desk_settings.base import Form
from server.http.desk_settings.site import Changes, SitePage, Written
from server.site.desk import VARIABLES

_FIELD: Final = re.compile(r"canned\[(\d{1,4})\]\.(name|text|locale|remove)")
_PARTS: Final = ("name", "text", "locale")


class CannedPage(SitePage):
    """Replies that are written once."""

    section = "canned"
    label = "Canned replies"
    groups = ("canned",)

    def fields(self, written: Written) -> dict[str, str]:
        """Three for each reply, numbered from 1 as the messages about the file number them."""
        fields: dict[str, str] = {}
        for n, one in enumerate(written.site.canned, 1):
            fields |= {
                f"canned[{n}].name": one.name,
                f"canned[{n}].text": one.text,
                f"canned[{n}].locale": one.locale or "",
            }
        return fields

    def sent(self, form: Form, written: Written) -> dict[str, str]:  # noqa: ARG002 - as the base has it
        """Those of the form, numbered anew without what was removed or left empty."""
        rows: dict[int, dict[str, str]] = {}
        for name, value in form.fields:
            found = _FIELD.fullmatch(name)
            if found is not None:
                rows.setdefault(int(found[1]), {})[found[2]] = value.strip() if found[2] != "text" else value.rstrip()
        kept = [
            row for _, row in sorted(rows.items()) if not row.get("remove") and any(row.get(part) for part in _PARTS)
        ]
        return {f"canned[{n}].{part}": row.get(part, "") for n, row in enumerate(kept, 1) for part in _PARTS}

    def changes(self, before: Mapping[str, str], now: Mapping[str, str], written: Written) -> Changes:
        """The whole list; those that stay the same stay as they are written."""
        changes = Changes()
        old, new = rows_of(before), rows_of(now)
        if old == new:
            return changes
        # What stays is given back as it is written: the model has stripped the line end of a block.
        raw = {tuple(row.values()): one for row, one in zip(old, written.data.get("canned") or (), strict=False)}
        value = [raw.get(tuple(row.values()), {part: row[part] for part in _PARTS if row[part]}) for row in new]
        names = [f"/{row['name']}" for row in new if row not in old] + [
            f"/{row['name']} removed" for row in old if row["name"] not in {one["name"] for one in new}
        ]
        for name in names or ["order or languages"]:
            changes.put(("canned",), value or None, name)
        return changes

    def more(self, written: Written, fields: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002 - as the base has it
        """How many rows there are, and what can be named in a text."""
        return {"rows": len(rows_of(fields)), "variables": VARIABLES}


def rows_of(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """The replies that the fields stand for, in their order."""
    count = len(fields) // len(_PARTS)
    return [{part: fields[f"canned[{n}].{part}"] for part in _PARTS} for n in range(1, count + 1)]
