"""Admin door: the command line's way into a running server, on a loopback port of its own.

No page, no other machine and no proxy can use it; it knows none of the commands that it passes on.
"""

import hmac

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.auth import Refused
from server.http.answers import as_error, as_json, bearer, body_of, from_this_machine
from server.passes import FILE, HOST, Pass
from server.questions import COMMANDS, AdminRefused, Run


def routes(run: Run, opened: Pass) -> list[Route]:
    """`POST /v1/admin/GROUP/COMMAND` for each command. On any port but the pass's there is no such page."""

    async def endpoint(request: Request) -> Response:
        server = request.scope.get("server")
        if server is None or server[1] != opened.port:
            raise HTTPException(404)
        try:
            _check(request, opened)
            command = f"{request.path_params['group']}/{request.path_params['command']}"
            if command not in COMMANDS:
                return as_error("not_found", f"no such command: {command}")
            return as_json(200, await run(await body_of(request, COMMANDS[command])))
        except Refused as error:
            return as_error(error.code, error.message)
        except AdminRefused as error:
            return as_error("refused", str(error))

    return [Route("/v1/admin/{group}/{command}", endpoint, methods=["POST"])]


def _check(request: Request, opened: Pass) -> None:
    """Who may come in. Each check alone would do; a browser fails at three of them.

    Raises:
        Refused: not from this machine, from a page, for another host, or without the token.
    """
    if not from_this_machine(request):
        raise Refused("forbidden", "for this machine only")
    # A page that was talked into asking 127.0.0.1 (DNS rebinding) names itself in one of these.
    if request.headers.get("host") != f"{HOST}:{opened.port}":
        raise Refused("forbidden", f"expected Host: {HOST}:{opened.port}")
    if any(name in request.headers for name in ("origin", "referer", "sec-fetch-site", "cookie")):
        raise Refused("forbidden_origin", "not for pages")
    if not hmac.compare_digest(bearer(request).encode(), opened.token.encode()):
        raise Refused("unauthorized", f"expected Authorization: Bearer with the token of {FILE} in the data directory")
