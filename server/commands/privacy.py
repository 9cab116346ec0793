"""`shopbell export` and `shopbell erase`: all that is kept of a conversation or of a customer, written out or deleted.

Export only reads, also beside a running server. Erase goes through the server that owns the data directory.
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from server.commands.options import data_option, settings_of

site_option = click.option("--site", required=True, metavar="PK", help="The site's public key, pk_….")
conversation_option = click.option("--conversation", metavar="ID", help="This conversation.")
customer_option = click.option("--customer", metavar="ID", help="All conversations of this customer.")


@click.command()
@site_option
@conversation_option
@customer_option
@click.option("--files", type=click.Path(path_type=Path, file_okay=False), help="Copy attachments into this directory.")
@data_option
def export(site: str, conversation: str | None, customer: str | None, files: Path | None, data: Path | None) -> None:
    """Print all that is kept as JSON lines: events, and what is known of attachments. Exit status 1 if there is nothing."""
    from server.commands.plain import piped

    _one_of(conversation, customer)
    settings = settings_of(need_shop=False, data=data)
    count = 0
    for line in exported(settings, site, conversation=conversation, customer=customer, copies=files):
        sys.stdout.write(f"{piped(line)}\n")
        count += 1
    if not count:
        click.echo(f"nothing is kept of {conversation or customer} at {site}", err=True)
        sys.exit(1)


@click.command()
@site_option
@conversation_option
@customer_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
def erase(site: str, conversation: str | None, customer: str | None, data: Path | None, *, yes: bool) -> None:
    """Delete the words and attachments of a conversation, or of all of a customer's, for good. Exit status 1 if there are none."""
    _one_of(conversation, customer)
    settings = settings_of(need_shop=False, data=data)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Erase {conversation or f'all conversations of {customer}'} at {site}, for good?", abort=True)
    erased, files = asyncio.run(_erase(settings, site, conversation=conversation, customer=customer))
    for one in erased:
        click.echo(one)
    click.echo(f"erased {len(erased)} conversations and {files} attachments; backups keep what they had", err=True)
    if not erased:
        sys.exit(1)


def exported(
    settings: Any,  # noqa: ANN401 - Settings, which this light module does not import
    site: str,
    *,
    conversation: str | None,
    customer: str | None,
    copies: Path | None = None,
) -> Iterator[dict[str, Any]]:
    """Each event, then each attachment, of each conversation. With `copies`, attachments are copied there as `ID-NAME`.

    Raises:
        StoreFailed, SettingsError, OSError: it cannot be read, or not be copied.
    """
    from server.commands.audit import data_of
    from server.conversation import id_of, key_of
    from server.files import Files
    from server.stores.look import keys_of, reading
    from server.stores.sqlite import read_events

    folder = data_of(settings)
    kept = Files(folder)
    with reading(folder) as db:
        keys = [key_of(site, conversation)] if conversation is not None else keys_of(db, site, customer or "")
        for key in keys:
            for event in read_events(db, key):
                yield {"conversation": id_of(key)} | event.wire()
            for file in kept.of(key):
                yield {"conversation": id_of(key), "file": file.wire() | {"sha256": file.sha256, "at_ms": file.at_ms}}
                if copies is not None:
                    copies.mkdir(parents=True, exist_ok=True)
                    (copies / f"{file.id}-{file.name}").write_bytes(kept.read(key, file.id))


async def _erase(
    settings: Any,  # noqa: ANN401 - as above
    site: str,
    *,
    conversation: str | None,
    customer: str | None,
) -> tuple[list[str], int]:
    from server.commands.ask import asking
    from server.questions import Erase

    erased: list[str] = []
    files = 0
    async with asking(settings) as run:
        while True:
            answer = await run(Erase(site=site, conversation=conversation, customer=customer))
            erased += answer["erased"]
            files += answer["files"]
            if not answer["erased"]:
                return erased, files


def _one_of(conversation: str | None, customer: str | None) -> None:
    if (conversation is None) == (customer is None):
        raise click.UsageError("give either --conversation ID or --customer ID")
