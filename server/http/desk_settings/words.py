"""Words pages: greeting, origins, and what customers see of the reasoning.

They only say which fields stand for which keys of site.yaml.
"""

from collections.abc import Mapping
from typing import Any, Final

from server.http.desk_settings.base import Form
from server.http.desk_settings.forms import (
    codes_in,
    languages_of,
    lines,
    sent_texts,
    text_changed,
    text_fields,
    text_value,
)
from server.http.desk_settings.site import Changes, SitePage, Written

REASONING: Final[Mapping[str, tuple[str, str]]] = {
    "off": ("Nothing", "Customers see that the agent is at work, and then the answer."),
    "steps": ("The steps", "The plan and its progress, such as “Looking up order 1042”. This is what most shops want."),
    "full": (
        "Everything, also the model’s own thinking",
        "It may repeat anything that the model was given: results of tools, articles, your instructions. For trying things out.",
    ),
}


class GreetingPage(SitePage):
    """The first words in the chat."""

    section = "greeting"
    label = "Greeting"
    groups = ("greeting",)

    def fields(self, written: Written) -> dict[str, str]:
        """One for each language."""
        return text_fields("greeting", written.site.greeting, languages_of(written.site, written.site.greeting))

    def sent(self, form: Form, written: Written) -> dict[str, str]:  # noqa: ARG002 - as the base has it
        """Those of the form: it may have had other languages."""
        return sent_texts(form, "greeting")

    def changes(self, before: Mapping[str, str], now: Mapping[str, str], written: Written) -> Changes:
        """The greeting, as one text or one a language."""
        changes = Changes()
        value = text_value("greeting", now, written.site.locale)
        if value != text_value("greeting", before, written.site.locale):
            changes.put(("greeting",), value, text_changed("greeting", before, now) or "languages")
        return changes

    def more(self, written: Written, fields: Mapping[str, str]) -> dict[str, Any]:
        """The languages, in their order."""
        return {"languages": codes_in("greeting", fields), "own": written.site.locale}


class OriginsPage(SitePage):
    """The pages that may show the chat."""

    section = "origins"
    label = "Pages that may show the chat"

    def fields(self, written: Written) -> dict[str, str]:
        """One field: an origin a line."""
        return {"origins": "\n".join(str(one) for one in written.data.get("origins") or ())}

    def changes(self, before: Mapping[str, str], now: Mapping[str, str], written: Written) -> Changes:  # noqa: ARG002 - as the base has it
        """The whole list; what stays in it stays as it is written."""
        changes = Changes()
        old, new = lines(before["origins"]), lines(now["origins"])
        if old != new:
            added, removed = [one for one in new if one not in old], [one for one in old if one not in new]
            words = [f"added {one}" for one in added] + [f"removed {one}" for one in removed]
            for word in words or ["another order"]:
                changes.put(("origins",), new, word)
        return changes


class ReasoningPage(SitePage):
    """What customers see of how an answer comes about."""

    section = "reasoning"
    label = "Reasoning shown to customers"

    def fields(self, written: Written) -> dict[str, str]:
        """One of three."""
        return {"reasoning": written.site.reasoning}

    def changes(self, before: Mapping[str, str], now: Mapping[str, str], written: Written) -> Changes:  # noqa: ARG002 - as the base has it
        """One word."""
        changes = Changes()
        if before != now:
            changes.put(("reasoning",), now["reasoning"], f"{before['reasoning']} → {now['reasoning']}")
        return changes

    def more(self, written: Written, fields: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002 - as the base has it
        """What each of them means."""
        return {"choices": REASONING}
