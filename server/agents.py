"""Agents: who answers for each site: its tools and rules, its model or models, its specialists.

It composes and decides nothing; what is shared among the shops of a process is made once, in `Supplies`.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.types import Embedder
from server import proof, runs, specialists
from server.models.fallback import Fallback
from server.models.offline import Offline
from server.models.offline.ears import Ears
from server.ports import Model, Retriever
from server.settings import Settings, SettingsError
from server.shop import Shop
from server.specialists import Offer, Row
from server.turns import Agent
from server.turns.router import Router


@dataclass(frozen=True, slots=True)
class Supplies:
    """What the agents of a process share. `models` are made when first wanted, by their settings."""

    settings: Settings
    embedder: Embedder
    retriever: Retriever
    ears: Ears = field(default_factory=Ears)
    models: dict[str, Model] = field(default_factory=dict)

    def model(self, setting: str) -> Model:
        """The model for a setting such as `offline` or `openai/NAME`, with the server's fallback behind it.

        Raises:
            SettingsError: it cannot be used like that.
        """
        fallback = self.settings.model_fallback
        for name in (setting, fallback):
            if name is not None and name not in self.models:
                self.models[name] = self._make(name)
        first = self.models[setting]
        return first if fallback is None or fallback == setting else Fallback(first, self.models[fallback])

    def _make(self, setting: str) -> Model:
        if setting == "offline":
            return Offline(self.embedder, ears=self.ears)
        if setting.startswith("scripted:"):
            from server.models.scripted import Scripted

            return Scripted.load(Path(setting.partition(":")[2]))
        from server.models.llamaindex import build  # most servers run the offline engine and never need it

        key = self.settings.model_key.get_secret_value() if self.settings.model_key else None
        try:
            return build(setting, url=self.settings.model_url, key=key)
        except ValueError as error:
            raise SettingsError(str(error)) from error

    async def close(self) -> None:
        """Let go of what the models hold."""
        for model in self.models.values():
            close = getattr(model, "close", None)
            if close is not None:
                await close()


def agent_of(shop: Shop, supplies: Supplies) -> Agent:
    """Who answers for the shop.

    Raises:
        SettingsError: a model cannot be used as it is set.
    """
    wanted = shop.kit.model or supplies.settings.model
    model = supplies.model(wanted) if isinstance(wanted, str) else wanted
    own = {agent.name: supplies.model(agent.model) for agent in shop.site.agents if agent.model is not None}
    router = router_of(shop, supplies.embedder, supplies.ears)
    return Agent(
        shop.site,
        shop.instructions,
        shop.registry,
        shop.rules,
        model,
        supplies.retriever,
        functools.partial(proof.can_verify, guests=shop.kit.guests is not None),
        router=router,
        models=own,
        workflows=shop.workflows,
    )


def router_of(shop: Shop, embedder: Embedder, ears: Ears) -> Router:
    """What chooses among the shop's specialists."""

    def rows() -> Iterator[Row]:
        if shop.site.agents:
            yield from specialists.all_rows(shop.site.agents, shop.offered(), _offers(shop))

    def known() -> Iterator[str]:
        return (example for spec in shop.offered() for example in spec.examples)

    return Router(shop.site, embedder, ears, rows, known)


def _offers(shop: Shop) -> Mapping[str, Offer]:
    return {
        name: Offer(runs.needs_of(program), tuple(program.workflow.examples))
        for name, program in shop.workflows.items()
    }
