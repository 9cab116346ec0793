"""Control: the command-line groups `audit`, `switch` and `approvals`, for whoever watches over the agent.

It reads options and prints; the work is in the modules of the same names.
"""

import asyncio
import sys
from pathlib import Path

import click

from server.commands.options import data_option, settings_of, shop_option

site_option = click.option("--site", metavar="PK", help="Only this site, by its public key pk_….")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")


@click.group()
def audit() -> None:
    """The log: prove that nothing was changed, and see who did what."""


@audit.command("verify")
@data_option
@site_option
@click.option("--conversation", metavar="ID", help="Only this conversation, as ID or SITE/ID.")
@click.option(
    "--heads", type=click.Path(path_type=Path, dir_okay=False), help="Write the chains' heads to this new file."
)
@click.option(
    "--against",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Compare with heads that were written earlier.",
)
def audit_verify(
    data: Path | None, site: str | None, conversation: str | None, heads: Path | None, against: Path | None
) -> None:
    """Check every hash chain; also beside a running server. Exit status 1 names the first broken places."""
    from server.commands.audit import check

    settings = settings_of(need_shop=False, data=data)
    sys.exit(check(settings, click.echo, site=site, conversation=conversation, heads=heads, against=against))


@audit.command("show")
@click.argument("conversation")
@data_option
@site_option
@json_option
def audit_show(conversation: str, data: Path | None, site: str | None, *, as_json: bool) -> None:
    """Print who did what in a conversation (ID or SITE/ID), in order."""
    from server.commands.audit import show

    settings = settings_of(need_shop=False, data=data)
    sys.exit(show(settings, conversation, click.echo, site=site, as_json=as_json))


@click.group()
def switch() -> None:
    """Stop a shop's agent, or one of its tools, within a second; and let it go on."""


tool_option = click.option("--tool", metavar="NAME", help="Only this tool; without it, the whole agent.")
why_option = click.option("--why", metavar="TEXT", default="", help="Why, for whoever reads the history.")


@switch.command("off")
@data_option
@site_option
@tool_option
@why_option
def switch_off(data: Path | None, site: str | None, tool: str | None, why: str) -> None:
    """Stop the agent, or a tool, of a site or of all. Running answers end, and the customer is told."""
    _turn(data, site, tool, why, off=True)


@switch.command("on")
@data_option
@site_option
@tool_option
@why_option
def switch_on(data: Path | None, site: str | None, tool: str | None, why: str) -> None:
    """Let what was switched off go on."""
    _turn(data, site, tool, why, off=False)


def _turn(data: Path | None, site: str | None, tool: str | None, why: str, *, off: bool) -> None:
    from server.commands.switch import turn

    settings = settings_of(need_shop=False, data=data)
    asyncio.run(turn(settings, click.echo, off=off, site=site, tool=tool, why=why))


@switch.command("list")
@data_option
@site_option
@click.option("--history", is_flag=True, help="Every turn of a switch so far: who, when and why.")
@json_option
def switch_list(data: Path | None, site: str | None, *, history: bool, as_json: bool) -> None:
    """Print what is switched off."""
    from server.commands.switch import listed

    settings = settings_of(need_shop=False, data=data)
    asyncio.run(listed(settings, click.echo, site=site, history=history, as_json=as_json))


@click.group()
def approvals() -> None:
    """Calls that wait for staff: see them, approve or deny them."""


comment_option = click.option("--comment", metavar="TEXT", default="", help="Why, for whoever reads the log.")


@approvals.command("list")
@shop_option
@data_option
@site_option
@json_option
def approvals_list(shops: tuple[Path, ...], data: Path | None, site: str | None, *, as_json: bool) -> None:
    """Print what waits, the longest waiting first."""
    from server.commands.approvals import listed

    settings = settings_of(shops, need_shop=False, data=data)
    asyncio.run(listed(settings, click.echo, site=site, as_json=as_json))


@approvals.command("show")
@click.argument("call")
@shop_option
@data_option
@site_option
@json_option
def approvals_show(call: str, shops: tuple[Path, ...], data: Path | None, site: str | None, *, as_json: bool) -> None:
    """Print all there is to know of one CALL before deciding."""
    from server.commands.approvals import show

    settings = settings_of(shops, need_shop=False, data=data)
    asyncio.run(show(settings, call, click.echo, site=site, as_json=as_json))


@approvals.command("approve")
@click.argument("call")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME=VALUE",
    help="Approve with another argument instead, such as --set amount=50.00; may be given several times.",
)
@comment_option
@shop_option
@data_option
def approvals_approve(
    call: str, sets: tuple[str, ...], comment: str, shops: tuple[Path, ...], data: Path | None
) -> None:
    """Approve a CALL; it runs if all else still allows it."""
    from server.commands.approvals import decide

    settings = settings_of(shops, need_shop=False, data=data)
    asyncio.run(decide(settings, call, click.echo, approve=True, comment=comment, sets=sets))


@approvals.command("deny")
@click.argument("call")
@comment_option
@shop_option
@data_option
def approvals_deny(call: str, comment: str, shops: tuple[Path, ...], data: Path | None) -> None:
    """Deny a CALL; the customer is told."""
    from server.commands.approvals import decide

    settings = settings_of(shops, need_shop=False, data=data)
    asyncio.run(decide(settings, call, click.echo, approve=False, comment=comment))
