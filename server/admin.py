"""Admin: what the merchant's command line may ask of a server: decide approvals, turn switches.

The same code runs behind the server's door (`server.http.admin`) and where no server runs. It decides nothing itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from server.approvals import Approval, Approvals, NotDecided
from server.conversation import id_of
from server.log import Log
from server.ports import Find
from server.questions import (
    EVERY,
    AdminRefused,
    Decide,
    Erase,
    ListApprovals,
    ListSwitches,
    Question,
    ShowApproval,
    Turn,
)
from server.records import Records
from server.switches import BadSwitch, Switched, Switches
from server.turns import Agent
from tools import ToolError

DAY_MS: Final = 86_400_000
_SEARCHED: Final = 500
"""Conversations of one customer that are looked through for what was done in the last day."""


class Admin:
    """Carries out the commands. `agents` are those of the served sites; empty where no shop is loaded."""

    def __init__(
        self,
        log: Log,
        approvals: Approvals,
        switches: Switches,
        agents: Mapping[str, Agent],
        clock_ms: Callable[[], int],
        records: Records,
    ) -> None:
        self._log = log
        self._approvals = approvals
        self._switches = switches
        self._agents = agents
        self._clock_ms = clock_ms
        self._records = records

    async def run(self, question: Question) -> dict[str, Any]:
        """Carry out one command; returns its answer as JSON.

        Raises:
            AdminRefused: it cannot be done.
        """
        try:
            match question:
                case ListApprovals():
                    found = await self._approvals.pending(self._known(question.site))
                    return {"approvals": [_json(approval) for approval in found]}
                case ShowApproval():
                    approval = await self._approvals.find(question.call, self._known(question.site))
                    return {"approval": _json(approval) | {"done": await self._done(approval)}}
                case Decide():
                    self._known(question.conversation.partition("/")[0])
                    return {"call": await self._decide(question)}
                case Turn():
                    return self._turn(question)
                case ListSwitches():
                    return switched(self._switches)
                case Erase():
                    return await erase(self._records, question)
        except (NotDecided, BadSwitch) as error:
            raise AdminRefused(str(error)) from error

    async def _decide(self, decision: Decide) -> str:
        return await self._approvals.decide(
            decision.conversation,
            decision.call,
            approve=decision.approve,
            name=decision.by,
            seen=decision.seen,
            comment=decision.comment,
            args=decision.args,
        )

    def _turn(self, turn: Turn) -> dict[str, Any]:
        site = self._known(None if turn.site == EVERY else turn.site)
        if turn.tool is not None:
            agents = [self._agents[site]] if site is not None else list(self._agents.values())
            specs = [spec for agent in agents if (spec := agent.registry.get(turn.tool)) is not None]
            if specs:
                turn = turn.model_copy(update={"tool": specs[0].name})
            elif turn.off:
                names = sorted({spec.name for agent in agents for spec in agent.registry})
                raise AdminRefused(f"there is no tool {turn.tool!r}; there are: {', '.join(names) or 'none'}")
        return turn_switch(self._switches, turn, self._clock_ms())

    def _known(self, site: str | None) -> str | None:
        if site is not None and site not in self._agents:
            raise AdminRefused(f"this server has no site {site!r}; there are: {', '.join(self._agents) or 'none'}")
        return site

    async def _done(self, approval: Approval) -> dict[str, Any]:
        """What the same tool did for the same customer in the last 24 hours: number of calls and sum of their amounts."""
        site, customer = approval.conversation.partition("/")[0], approval.asked.customer
        spec = self._agents[site].registry.get(approval.call.tool)
        keys = [approval.conversation]
        if customer is not None:
            keys += [one.conversation for one in await self._log.store.find(Find(site, customer, limit=_SEARCHED))]
        calls, total = 0, Decimal(0)
        for key in dict.fromkeys(keys):
            for call in (await self._log.load(key)).calls.values():
                recent = call.ok and call.ended_ms > self._clock_ms() - DAY_MS
                if call.tool != approval.call.tool or not recent or spec is None:
                    continue
                calls += 1
                try:
                    total += spec.amount_of(spec.validate(call.args)) or 0
                except ToolError:
                    continue  # made under an older schema of the tool
        return {"calls": calls, "amount": str(total) if approval.amount is not None else None}


async def erase(records: Records, question: Erase) -> dict[str, Any]:
    """Erase what is meant, as much as one answer has time for; `erased` is empty when nothing is left."""
    found = await records.find(question.site, conversation=question.conversation, customer=question.customer)
    files = 0
    for one in found:
        files += await records.erase(one.conversation)
    return {"erased": [id_of(one.conversation) for one in found], "files": files}


def turn_switch(switches: Switches, turn: Turn, at_ms: int) -> dict[str, Any]:
    """Turn a switch, whether or not there is such a site and tool; returns what is off then.

    Raises:
        BadSwitch: it is to be turned on, and is not off.
    """
    switches.turn(Switched(at_ms, turn.site, turn.tool, turn.off, turn.by, turn.why))
    return switched(switches)


def switched(switches: Switches) -> dict[str, Any]:
    """What is off, and every turn of a switch, as JSON."""
    return {"off": [asdict(one) for one in switches.off], "history": [asdict(one) for one in switches.history]}


def _json(approval: Approval) -> dict[str, Any]:
    call, asked = approval.call, approval.asked
    return {
        "conversation": approval.conversation,
        "call": call.id,
        "tool": call.tool,
        "label": call.label,
        "args": dict(call.args),
        "args_sha256": approval.args_sha256,
        "amount": approval.amount,
        "limits": [
            {"name": one.name, "booked": one.booked, "cost": one.cost, "limit": one.limit} for one in approval.limits
        ],
        "customer": asked.customer,
        "why": asked.why,
        "policy": asked.policy,
        "asked_ms": asked.at_ms,
        "expires_ms": asked.expires_ms,
        "replaces": call.replaces,
        "messages": [{"role": role, "text": text} for role, text in approval.messages],
    }
