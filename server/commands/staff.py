"""`shopbell staff`: the accounts of the desk. Works beside a running server, and without one.

It prints no password and takes none as an argument: arguments can be read by every user of a machine.
"""

import sys
import time
from pathlib import Path

import click

from server.commands.options import data_option, settings_of
from server.pictures import MAX_BYTES, NotAccepted, square
from server.staff import Accounts, Role, Staff, StaffError


@click.group()
def staff() -> None:
    """The people at the desk: add, list, remove."""


@staff.command("add")
@click.argument("email")
@data_option
@click.option(
    "--role", type=click.Choice(["agent", "admin"]), default="agent", show_default=True, help="What they may do."
)
@click.option(
    "--site", "sites", multiple=True, help="Key of a site that they see; may be repeated. All of them if absent."
)
@click.option(
    "--language", "languages", multiple=True, help="A language they write, as `de`; may be repeated. Any if absent."
)
@click.option(
    "--skill",
    "skills",
    multiple=True,
    help="An agent or a topic of the shop that they see to; may be repeated. Everything if absent.",
)
@click.option(
    "--picture",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="A picture that customers are shown (JPEG, PNG, WebP or GIF). The one before stays if absent.",
)
@click.option("--no-picture", is_flag=True, help="Take the picture away.")
@click.option("--name", default="", help="The name that customers read. From the address if absent.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def add(  # noqa: PLR0913 - the options
    email: str,
    data: Path | None,
    role: Role,
    sites: tuple[str, ...],
    languages: tuple[str, ...],
    skills: tuple[str, ...],
    picture: Path | None,
    name: str,
    *,
    no_picture: bool,
    password_stdin: bool,
) -> None:
    """Add a person, or change the one with this address, who gets exactly what is given here. Their sessions end."""
    face = _face(picture)
    accounts = _accounts(data)
    if password_stdin or not sys.stdin.isatty():  # without a terminal there is nobody to ask
        password = sys.stdin.readline().rstrip("\r\n")
        if not (password or password_stdin):
            raise click.UsageError("there is no terminal to ask for the password: give it with --password-stdin")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        person = accounts.add(
            email,
            password,
            name=name,
            role=role,
            sites=frozenset(sites),
            languages=languages,
            skills=skills,
        )
    except StaffError as error:
        raise click.ClickException(str(error)) from error
    if face is not None or no_picture:
        accounts.set_picture(person.id, None if no_picture else face)
    click.echo(f"{_line(person)}\nThey can sign in at /desk.")


@staff.command("list")
@data_option
def show(data: Path | None) -> None:
    """Everybody, by address."""
    people = _accounts(data).everybody()
    for person in people:
        click.echo(_line(person))
    if not people:
        click.echo("nobody yet; `shopbell staff add EMAIL --role admin` adds the first", err=True)


@staff.command("remove")
@click.argument("email")
@data_option
def remove(email: str, data: Path | None) -> None:
    """Remove a person; their desk is closed within seconds."""
    try:
        found = _accounts(data).remove(email)
    except StaffError as error:
        raise click.ClickException(str(error)) from error
    if not found:
        raise click.ClickException(f"there is no account {email!r}")
    click.echo(f"removed {email}")


def _face(file: Path | None) -> bytes | None:
    if file is None:
        return None
    with file.open("rb") as content:
        data = content.read(MAX_BYTES + 1)
    try:
        return square(data).content
    except NotAccepted as error:
        raise click.ClickException(f"{file}: {error}") from error


def _accounts(data: Path | None) -> Accounts:
    return Accounts(settings_of(need_shop=False, data=data).data, clock_ms=lambda: time.time_ns() // 1_000_000)


def _line(person: Staff) -> str:
    sites = ", ".join(sorted(person.sites)) or "all sites"
    extra = "".join(
        f"  {what}: {', '.join(sorted(words))}"
        for what, words in (("speaks", person.languages), ("sees to", person.skills))
        if words
    )
    return f"{person.email}  {person.name}  {person.role}  {sites}{extra}"
