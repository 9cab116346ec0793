"""Live: shops as they are served at this moment, and what a change of their files does to them without a restart.

It reads the files again and swaps what can be swapped. It writes nothing, and never runs a shop's plugin.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from server.after import PostOffice
from server.agents import Supplies, router_of
from server.editing import Trial, Version
from server.session import Gate
from server.shop import Shop, reread_shop
from server.shop.connect import LiveRules
from server.shop.workflows import Workflows
from server.site import Site
from server.site.text import parse_yaml
from server.turns import Agent, Turns
from server.verify import Desk
from tools import Rule

logger = logging.getLogger(__name__)

LIVE_KEYS: Final = frozenset(
    {
        "name",
        "origins",
        "greeting",
        "instructions",
        "locale",
        "languages",
        "theme",
        "reasoning",
        "hours",
        "currency",
        "contact",
        "sign_in",
        "limits",
        "retention_days",
        "knowledge",
        "hand_over",
        "desk",
        "canned",
        "words",
    }
)
"""Keys of site.yaml that hold as soon as they are saved. The others are built into what a process opens once: models, secrets,
mail, specialists."""
LATER_IN_TOOLS: Final = ("http", "mcp", "egress")

Changed = Callable[[str, Shop], None]
"""(site, the shop as it is now): called after every change."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a site's configuration is looked up while it is served: everybody holds these same maps, by site's key."""

    shops: dict[str, Shop]
    agents: dict[str, Agent]
    gates: dict[str, Gate]
    sites: dict[str, Site]
    desks: dict[str, Desk]
    offices: dict[str, PostOffice]


class Live:
    """The shops of a running process."""

    def __init__(
        self,
        places: Places,
        supplies: Supplies,
        turns: Turns,
        *,
        sync: Callable[[str], None],
        allow: Callable[[str, Sequence[str]], None],
    ) -> None:
        """`sync` begins to bring a site's index up to date; `allow(site, origins)` says which pages may show its chat."""
        self.shops: Mapping[str, Shop] = places.shops
        self.trial = Trial(lambda site: places.shops[site])
        self.changed: list[Changed] = []
        self._places = places
        self._supplies = supplies
        self._turns = turns
        self._sync = sync
        self._allow = allow
        self._lock = asyncio.Lock()

    async def apply(self, version: Version) -> None:
        """Make what a version has written take effect."""
        before = self.shops[version.site]
        if not version.path.startswith("help/"):
            await self.reread(version.site)
        now = self.shops[version.site]
        if version.path.startswith("help/") or (before.site.knowledge, before.site.locale) != (
            now.site.knowledge,
            now.site.locale,
        ):
            self._sync(version.site)

    async def reread(self, site: str) -> bool:
        """Read site.yaml, tools.yaml and the workflows again. False, and all stays as it is, if they have errors by now."""
        async with self._lock:
            before = self.shops[site]
            made, problems = await asyncio.to_thread(reread_shop, before, before.dir, articles=False)
            if made is None or made.site.key != site:
                for problem in problems:
                    logger.warning("%s", problem)
                return False
            compared, rules = await asyncio.to_thread(_compared, before), _rules_of(made, before)
            off = [name for name, rule in rules.items() if _is_off(rule) and not _is_off(before.rules.get(name))]
            if isinstance(before.rules, LiveRules):
                before.rules.change(rules)  # in place: a turn that runs is judged by them as well
            served = _served(before.site, made.site)
            workflows = Workflows(before.registry, before.rules, directory=before.dir, words=served.words)
            now = replace(before, site=served, workflows=workflows)
            self._swap(before, now, anew=compared != await asyncio.to_thread(_compared, now))
            for name in off:  # as a switch does: what is under way and must not run any more is stopped
                self._turns.cut(site, name)
            for changed in self.changed:
                changed(site, now)
            return True

    def _swap(self, before: Shop, now: Shop, *, anew: bool) -> None:
        """Put the new configuration wherever the old one is looked up; `anew`: what messages are compared with is another."""
        places, site, key = self._places, now.site, now.site.key
        agent = places.agents[key]
        instructions = site.instructions if agent.instructions == before.site.instructions else agent.instructions
        # The next message embeds its texts: if that fails, or takes long, a router knows what to do.
        router = router_of(now, self._supplies.embedder, self._supplies.ears) if anew else agent.router
        places.agents[key] = replace(
            agent, site=site, instructions=instructions, router=router, workflows=now.workflows
        )
        places.shops[key] = now
        places.sites[key] = site
        places.gates[key].site = site
        places.desks[key] = replace(places.desks[key], site=site)
        places.offices[key] = replace(places.offices[key], site=site)
        self._allow(key, site.origins)


def _compared(shop: Shop) -> tuple[object, ...]:
    """What a router reads of a shop: texts that messages are compared with, and languages. Reads the workflows: 0.1 s."""
    site = shop.site
    tools = tuple(spec.name for spec in shop.offered())
    workflows = tuple((name, program.workflow.examples) for name, program in shop.workflows.items())
    return site.locale, site.languages, site.agents, site.hand_over.topics, tools, workflows


def _served(before: Site, after: Site) -> Site:
    """The site with what may change while it is served."""
    return before.model_copy(update={name: getattr(after, name) for name in LIVE_KEYS})


def _rules_of(made: Shop, before: Shop) -> Mapping[str, Rule]:
    """The new rules, for the tools that there are."""
    written = made.rules.written if isinstance(made.rules, LiveRules) else made.rules
    names = {name for spec in before.registry for name in (spec.name, *spec.aliases)}
    return {name: rule for name, rule in written.items() if name in names}


def _is_off(rule: Rule | None) -> bool:
    return rule is not None and (not rule.enabled or rule.permission == "deny")


def later(version: Version) -> list[str]:
    """What of a version takes effect at the next start only: keys of the file, `site.yaml: model`."""
    if version.path not in ("site.yaml", "tools.yaml"):
        return []
    before, after = _keys(version.before), _keys(version.after)
    names = sorted({*before, *after})
    if version.path == "tools.yaml":
        names = [name for name in names if name in LATER_IN_TOOLS]
    else:
        names = [name for name in names if name not in LIVE_KEYS]
    return [f"{version.path}: {name}" for name in names if before.get(name) != after.get(name)]


def _keys(text: str | None) -> Mapping[str, Any]:
    document = parse_yaml(text.removeprefix("\ufeff"), Path("file"), []) if text and text.strip() else None
    return document.data if document is not None else {}
