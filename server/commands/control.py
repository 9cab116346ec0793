"""Control: the command-line groups `audit`, `switch` and `approvals`, for whoever watches over the agent.

It reads options and prints; the work is in the modules of the same names.
"""

import sys
from pathlib import Path

import click

from server.commands.options import data_option, settings_of

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
