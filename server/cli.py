"""The command line.

It reads options and prints errors; the work is in `server.commands` and `server.app`, imported when a command needs
them: `shopbell --help` and `shopbell check` should not wait for what only `serve` uses.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson

from server import __version__
from server.commands import control
from server.commands.options import data_option, settings_of, shop_option
from server.commands.privacy import erase, export
from server.commands.staff import staff


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="shopbell")
def cli() -> None:
    """Shopbell: support chat for shops, embedded with one script tag."""


def set_up_logging(level: str) -> None:
    """Everything that is said goes to stderr; stdout is for results."""
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for noisy in ("httpx", "httpcore", "llama_index", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


@cli.command()
@shop_option
@data_option
@click.option("--host", help="Address to listen on. Default: SHOPBELL_HOST, 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on. Default: SHOPBELL_PORT, 8000.")
@click.option(
    "--demo", is_flag=True, help="Serve the shop's storefront too, with a switch to sign in as its demo customers."
)
def serve(shops: tuple[Path, ...], data: Path | None, host: str | None, port: int | None, *, demo: bool) -> None:
    """Serve the chat. Prints one line on stdout when it is ready; stops cleanly on SIGTERM."""
    settings = settings_of(shops, data=data, host=host, port=port)
    set_up_logging(settings.log_level)
    from server.commands.serve import run

    run(settings, demo=demo)


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def init(directory: Path) -> None:
    """Write a small commented shop directory to start from. Never overwrites anything."""
    from server.commands.init import init as write_shop

    sys.exit(write_shop(directory, click.echo))


@cli.command()
@shop_option
@data_option
@click.option("--pin", is_flag=True, help="Ask the MCP servers for their tools first, and pin them in tools.lock.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per shop and line.")
def check(shops: tuple[Path, ...], data: Path | None, *, pin: bool, as_json: bool) -> None:
    """Validate everything in a shop directory, and print what its tools may do. Exit status 1 on errors."""
    settings = settings_of(shops, data=data)
    from server.commands.check import check as check_shops

    sys.exit(check_shops(settings.shops, settings.data, click.echo, pin=pin, as_json=as_json))


@cli.group()
def knowledge() -> None:
    """The help center: index it, search it."""


@knowledge.command("sync")
@shop_option
@data_option
def knowledge_sync(shops: tuple[Path, ...], data: Path | None) -> None:
    """Index what is new or changed. Also done by `serve`."""
    settings = settings_of(shops, data=data)
    set_up_logging(settings.log_level)
    from server.commands import knowledge as commands

    asyncio.run(commands.sync(settings, click.echo))


def query_options(command: Callable[..., None]) -> Callable[..., None]:
    """--query, --queries and --json."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")(command)
    command = click.option(
        "--queries", type=click.Path(path_type=Path, exists=True, dir_okay=False), help='Lines {"id": …, "query": …}.'
    )(command)
    return click.option("--query", help="One query.")(command)


def _queries(query: str | None, queries: Path | None) -> Any:  # noqa: ANN401 - an iterator of dicts
    from server.commands.knowledge import read_queries

    if (query is None) == (queries is None):
        raise click.UsageError("give either --query TEXT or --queries FILE")
    return iter([{"id": "1", "query": query}]) if queries is None else read_queries(queries)


@knowledge.command("search")
@shop_option
@data_option
@query_options
@click.option("-k", default=10, show_default=True, type=click.IntRange(1, 100), help="How many documents.")
def knowledge_search(
    shops: tuple[Path, ...], data: Path | None, query: str | None, queries: Path | None, k: int, *, as_json: bool
) -> None:
    """The best documents for a query, or for each line of a file of queries."""
    settings = settings_of(shops, data=data)
    set_up_logging(settings.log_level)
    from server.commands import knowledge as commands

    async def run() -> None:
        async for found in commands.search(settings, _queries(query, queries), k):
            if as_json or queries is not None:
                sys.stdout.write(orjson.dumps(found).decode() + "\n")
                continue
            for hit in found["hits"]:
                text = " ".join(hit["text"].split())
                click.echo(f"{hit['score']:.3f}  {hit['document']}  {hit['title']}\n       {text[:160]}")

    asyncio.run(run())


@cli.command()
@shop_option
@data_option
@query_options
def route(
    shops: tuple[Path, ...], data: Path | None, query: str | None, queries: Path | None, *, as_json: bool
) -> None:
    """Which tool, workflow or specialist a message would start, and why."""
    settings = settings_of(shops, data=data)
    set_up_logging(settings.log_level)
    from server.commands import route as commands

    async def run() -> None:
        async for found in commands.route(settings, _queries(query, queries)):
            if as_json or queries is not None:
                picks = [{k: p[k] for k in ("kind", "name", "score", "why")} for p in found["picks"]]
                sys.stdout.write(orjson.dumps({"id": found["id"], "picks": picks}).decode() + "\n")
                continue
            for pick in found["picks"]:
                click.echo(f"{pick['score']:.3f}  {pick['kind']:<10} {pick['name']:<24} {pick['why']}")

    asyncio.run(run())


@cli.group()
def workflow() -> None:
    """Workflows: what is offered and why the rest is not, drawings, and trying them out."""


def shop_of(shops: tuple[Path, ...], data: Path | None) -> tuple[Path | None, Any]:
    """The directory and the tools of the first shop; None and None if none was given. What is wrong with it is said."""
    from server.shop import ShopError, read_shop

    settings = settings_of(shops, need_shop=False, data=data)
    if not settings.shops:
        return None, None
    found, problems = read_shop(settings.shops[0], data=settings.data, articles=False)
    for problem in problems:
        click.echo(str(problem), err=True)
    if found is None:
        raise ShopError(problems)
    return found.dir, found.registry


@workflow.command("list")
@shop_option
@data_option
def workflow_list(shops: tuple[Path, ...], data: Path | None) -> None:
    """Every workflow, whether the shop offers it, and if not, why."""
    from server.commands import workflow as commands

    directory, registry = shop_of(shops, data)
    sys.exit(commands.listed(directory, registry, click.echo))


@workflow.command("draw")
@click.argument("name")
@shop_option
@data_option
def workflow_draw(name: str, shops: tuple[Path, ...], data: Path | None) -> None:
    """The workflow as a Mermaid chart."""
    from server.commands import workflow as commands

    directory, registry = shop_of(shops, data)
    sys.exit(commands.draw(name, directory, registry, click.echo))


@workflow.command("run")
@click.argument("name")
@shop_option
@data_option
@click.option("--set", "known", multiple=True, metavar="SLOT=VALUE", help="A slot that is known from the start.")
@click.option("--customer", help="As this signed-in customer id.")
@click.option("--email", help="The customer's e-mail.")
@click.option("--locale", default="en", show_default=True, help="The customer's language.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="The day that rules count from. Default: today.")
def workflow_run(name: str, shops: tuple[Path, ...], data: Path | None, **options: Any) -> None:  # noqa: ANN401 - options
    """Step through a workflow in the terminal. Tools that read are real with --shop; nothing is changed."""
    from server.commands import workflow as commands

    directory, registry = shop_of(shops, data)
    sys.exit(commands.run_in_terminal(name, directory, registry, click.echo, **options))


@workflow.command("schema")
def workflow_schema() -> None:
    """The JSON Schema of workflow files, for editors."""
    from server.commands import workflow as commands

    sys.exit(commands.schema(click.echo))


@cli.command()
@shop_option
@data_option
@click.option("--customer", help="Chat as this signed-in customer id.")
@click.option("--email", help="The customer's e-mail.")
def chat(shops: tuple[Path, ...], data: Path | None, customer: str | None, email: str | None) -> None:
    """The same engine in the terminal. Nothing is kept."""
    settings = settings_of(shops, data=data)
    set_up_logging("warning")
    from server.commands.chat import chat as talk

    asyncio.run(talk(settings, customer=customer, email=email))


@cli.command()
@shop_option
@click.option("--customer", required=True, help="Customer id, as the shop's tools know it.")
@click.option("--email", help="The customer's e-mail.")
@click.option("--name", help="The customer's name.")
@click.option(
    "--ttl", default=3600, show_default=True, type=click.IntRange(1, 3600), help="Seconds that it is good for."
)
@data_option
def token(
    shops: tuple[Path, ...], data: Path | None, customer: str, email: str | None, name: str | None, ttl: int
) -> None:
    """An identity JWT, as a merchant's backend would sign it."""
    settings = settings_of(shops, data=data)
    from server.commands.token import token as sign

    click.echo(sign(settings, customer=customer, email=email, name=name, ttl_s=ttl, environment=os.environ))


@cli.group()
def key() -> None:
    """Secret keys for REST."""


@key.command("add")
@click.option("--site", required=True, help="The site's public key, pk_….")
@data_option
def key_add(site: str, data: Path | None) -> None:
    """Make a secret key sk_… for a site. It is shown once."""
    from server.keys import add_key

    if not site.startswith("pk_"):
        raise click.UsageError(f"expected a public key pk_…, got {site!r}")
    click.echo(add_key(settings_of(need_shop=False, data=data).data, site))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
def backup(file: Path, data: Path | None) -> None:
    """Copy the log into FILE; also while the server runs. Never overwrites."""
    from server.stores.backup import backup as copy

    copy(settings_of(need_shop=False, data=data).data, file)
    click.echo(f"saved {file}", err=True)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@data_option
def restore(file: Path, data: Path | None) -> None:
    """Put the log of FILE in place; it gets a new epoch. The server must be stopped."""
    from server.stores.backup import restore as put_back

    epoch = put_back(settings_of(need_shop=False, data=data).data, file)
    click.echo(f"restored {file}; the log's new epoch is {epoch}", err=True)


@cli.command()
@shop_option
@data_option
def doctor(shops: tuple[Path, ...], data: Path | None) -> None:
    """What is configured, what answers, what is missing."""
    settings = settings_of(shops, need_shop=False, data=data)
    from server.commands.doctor import doctor as look

    sys.exit(look(settings, click.echo))


for command in (control.audit, control.switch, control.approvals, staff, export, erase):
    cli.add_command(command)


def main() -> None:
    """Run the command line; what a person can mend is one clear message and exit status 1."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:
        # The top of the program. Our own families of errors are for the reader; anything else is a bug with its trace.
        if not _is_for_people(error):
            raise
        click.echo(f"shopbell: {_qdrant(error) or error}", err=True)
        sys.exit(1)


def _is_for_people(error: Exception) -> bool:
    names = {
        "AdminRefused",
        "BadSet",
        "BadSwitch",
        "NoServer",
        "SettingsError",
        "ShopError",
        "StoreFailed",
        "Owned",
        "BadHeads",
        "BadQueries",
        "NoSecret",
        "SourceError",
        "IndexBusy",
        "ModelFileError",
        "ModelFailed",
    }
    known = isinstance(error, OSError) or any(kind.__name__ in names for kind in type(error).__mro__)
    return known or _qdrant(error) is not None


def _qdrant(error: Exception) -> str | None:
    """What a Qdrant server's failure means here; None for any other error. By name: importing the client takes a second."""
    if type(error).__name__ not in ("ResponseHandlingException", "UnexpectedResponse"):
        return None
    return f"SHOPBELL_QDRANT: the server there does not answer as expected: {str(error).partition(chr(10))[0]}"


if __name__ == "__main__":
    main()
