"""Ask: carry out an admin command, by the server that runs on the data directory, or where none runs, by the same code here.

It speaks to nothing but a process that owns the data directory at this moment.
"""

import contextlib
import getpass
from collections.abc import AsyncIterator

import httpx

from server.passes import HOST, Pass, read_pass
from server.questions import COMMANDS, AdminRefused, Erase, ListSwitches, Question, Run, Turn
from server.settings import Settings
from server.stores.owner import Owned, Owner, owner_pid

TIMEOUT_S = 30.0
"""Longer than any of the commands takes, shorter than a person's patience."""


class NoServer(Exception):
    """The command needs a server that answers, or a shop to do it without one; the message says which."""


@contextlib.asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[Run]:
    """A way to carry out commands.

    Raises:
        NoServer: nothing can be done as things are.
        AdminRefused: from what is yielded: the command cannot be done.
    """
    if not settings.data.is_dir():
        raise NoServer(f"there is no data directory {settings.data}; name the server's with --data")
    try:
        Owner(settings.data).release()
    except Owned as owned:
        opened = read_pass(settings.data)
        # The port of a server that was killed may be another program's by now: the token goes to the owner only.
        if opened is None or opened.pid != owner_pid(settings.data):
            raise NoServer(f"{owned}; it does not take commands (yet): is it starting? Then try again") from owned
        async with _server(opened) as run:
            yield run
    else:
        async with _alone(settings) as run:
            yield run


def me() -> str:
    """The name of the person at the command line, as this machine knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


@contextlib.asynccontextmanager
async def _server(opened: Pass) -> AsyncIterator[Run]:
    names = {model: name for name, model in COMMANDS.items()}
    headers = {"Authorization": f"Bearer {opened.token}"}
    base = f"http://{HOST}:{opened.port}/v1/admin/"
    # No proxy of the environment, no .netrc: this goes to this machine.
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=TIMEOUT_S) as web:

        async def run(question: Question) -> dict[str, object]:
            try:
                answer = await web.post(names[type(question)], content=question.model_dump_json())
            except httpx.HTTPError as error:
                raise NoServer(f"the server (process {opened.pid}) does not answer: {error}") from error
            body: dict[str, object] = answer.json()
            if answer.status_code != 200:
                raise AdminRefused(str(body["error"]["message"]))  # type: ignore[index]
            return body

        yield run


@contextlib.asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[Run]:
    # Half a second of imports, for the rarer case only: who stops an agent should not wait for them.
    from server import app
    from server.admin import Admin
    from server.approvals import Approvals
    from server.files import Files
    from server.insights import Table
    from server.log import Log
    from server.records import Records

    async def run(question: Question) -> dict[str, object]:
        if isinstance(question, Turn | ListSwitches):
            return _switch(settings, question)
        if isinstance(question, Erase):
            return await _erase(settings, question)
        if not settings.shops:
            raise NoServer(f"no server runs on {settings.data}: start it, or name its shops with --shop")
        async with app.open_parts(settings) as parts:
            log = Log(parts.store)

            def poke(key: str) -> None:
                """The next server takes it up from the log."""

            approvals = Approvals(log, parts.agents, poke=poke, clock_ms=app.clock_ms, new_id=app.new_id)
            records = Records(log, Files(settings.data), Table(settings.data))
            return await Admin(log, approvals, parts.switches, parts.agents, app.clock_ms, records).run(question)

    yield run


async def _erase(settings: Settings, question: Erase) -> dict[str, object]:
    """Without the shops: a shop that is served no more may have left records."""
    from server import app  # see above
    from server.admin import erase
    from server.files import Files
    from server.insights import Table
    from server.log import Log
    from server.records import Records

    with Owner(settings.data) as owner:
        store = app.open_store(settings, owner)
        try:
            return await erase(Records(Log(store), Files(settings.data), Table(settings.data)), question)
        finally:
            await store.close()


def _switch(settings: Settings, question: Turn | ListSwitches) -> dict[str, object]:
    from server import app  # see above
    from server.admin import switched, turn_switch
    from server.switches import BadSwitch, Switches

    with Owner(settings.data):
        try:
            switches = Switches(settings.data)
            if isinstance(question, Turn):
                return turn_switch(switches, question, app.clock_ms())
        except BadSwitch as error:
            raise AdminRefused(str(error)) from error
        return switched(switches)
