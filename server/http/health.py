"""Health: /healthz (the process runs), /readyz (its parts answer), /metrics (Prometheus text).

What is checked and counted comes in as arguments; no answer names a host, a path or a secret.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from server.http.answers import from_this_machine
from server.metrics import Metrics

logger = logging.getLogger(__name__)

CHECK_S: Final = 2.0
"""For one part; load balancers give a probe 2 to 5 s."""
HOLD_S: Final = 1.0
"""An answer of /readyz is good for a second: whoever asks a thousand times a second does not load the store."""

Check = Callable[[], Awaitable[object]]
"""Returns when its part is well, raises when it is not."""

_NO_STORE: Final = {"Cache-Control": "no-store"}


class Readiness:
    """The state of all parts, asked at most once a second, each within `check_s` seconds."""

    def __init__(self, checks: Mapping[str, Check], clock_s: Callable[[], float], *, check_s: float = CHECK_S) -> None:
        """Take the checks by part, and a monotonic clock in seconds."""
        self._checks = checks
        self._clock_s = clock_s
        self._check_s = check_s
        self._known: dict[str, bool] | None = None
        self._until_s = 0.0
        self._lock = asyncio.Lock()

    async def parts(self) -> dict[str, bool]:
        """Whether each part is well."""
        async with self._lock:
            if self._known is None or self._clock_s() >= self._until_s:
                answers = await asyncio.gather(*(self._ask(part, check) for part, check in self._checks.items()))
                self._known = dict(zip(self._checks, answers, strict=True))
                self._until_s = self._clock_s() + HOLD_S
            return self._known

    async def _ask(self, part: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(self._check_s):
                await check()
        except Exception:  # whatever a part raises means that it is not well; the log says what it was
            logger.warning("not ready: %s", part, exc_info=True)
            return False
        return True


def routes(readiness: Readiness, metrics: Metrics, *, metrics_token: str | None = None) -> list[Route]:
    """The three routes. Without a `metrics_token`, only this machine may read the metrics."""

    async def healthz(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        return PlainTextResponse("ok\n", headers=_NO_STORE)

    async def readyz(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        parts = await readiness.parts()
        ready = all(parts.values())
        body = {"ready": ready, "parts": {part: "ok" if well else "failed" for part, well in parts.items()}}
        return Response(orjson.dumps(body), 200 if ready else 503, _NO_STORE, "application/json")

    async def read_metrics(request: Request) -> Response:
        if not may_read_metrics(request, metrics_token):
            body = {"error": {"code": "forbidden", "message": "metrics are for this machine, or for their token"}}
            return Response(orjson.dumps(body), 403, _NO_STORE, "application/json")
        return Response(metrics.text(), 200, _NO_STORE, "text/plain; version=0.0.4; charset=utf-8")

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", read_metrics)]


def may_read_metrics(request: Request, token: str | None) -> bool:
    """Whether the request carries the token; without one set, whether it comes from this machine and from no proxy."""
    if token:
        given = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {token}".encode())
    return from_this_machine(request)
