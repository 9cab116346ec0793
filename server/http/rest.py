"""REST for merchants' backends: open a conversation, say something as its customer, read its events.

It knows no store: what it does comes in as ports. A key sees its own site only; another site's conversation is not found.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.auth import Refused
from server.events import Event
from server.http.answers import STATUS, as_error, as_json, bearer, body_of, parsed
from server.ports import Gone, IdempotencyMismatch


@dataclass(frozen=True, slots=True)
class RestPorts:
    """What the routes do. A conversation that is not of this site raises LookupError, whether or not it is of another.

    `say` may also raise `Refused`, `IdempotencyMismatch` and `Gone`. `events` gives at most 500 above `after`, in order.
    """

    key_site: Callable[[str], str | None]
    create: Callable[[str], Awaitable[str]]
    say: Callable[[str, str, str | None, str], Awaitable[Event]]
    events: Callable[[str, str, int], Awaitable[Sequence[Event]]]


class OpenConversation(BaseModel):
    """The body of `POST /v1/conversations`; it may be empty."""

    model_config = ConfigDict(extra="forbid")


class PostMessage(BaseModel):
    """A message as the customer. Sent again with the same id and text, it is the same event; without an id, a new one."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    text: Annotated[str, Field(min_length=1, max_length=4000)]


class _After(BaseModel):
    after: Annotated[int, Field(ge=0, le=2**53)] = 0


def routes(ports: RestPorts) -> list[Route]:
    """The REST routes and `/openapi.json`."""

    async def create(request: Request, site: str) -> tuple[int, object]:
        await body_of(request, OpenConversation)
        return 201, {"conversation": await ports.create(site)}

    async def say(request: Request, site: str) -> tuple[int, object]:
        message = await body_of(request, PostMessage)
        event = await ports.say(site, request.path_params["conversation"], message.id, message.text)
        return 200, {"event": event.wire()}

    async def events(request: Request, site: str) -> tuple[int, object]:
        after = parsed(_After, orjson.dumps(dict(request.query_params)), strict=False).after
        found = await ports.events(site, request.path_params["conversation"], after)
        return 200, {"events": [event.wire() for event in found], "upto": found[-1].seq if found else after}

    async def openapi(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
        return as_json(200, OPENAPI)

    answers = _Answers(ports.key_site)
    return [
        Route("/v1/conversations", answers.to(create), methods=["POST"]),
        Route("/v1/conversations/{conversation}/messages", answers.to(say), methods=["POST"]),
        Route("/v1/conversations/{conversation}/events", answers.to(events), methods=["GET"]),
        Route("/openapi.json", openapi),
    ]


async def unrouted(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    """The answer where no route gave one: no such page, another method, or a bug of ours (logged by the server)."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed", 500: "failed"}.get(status, "bad_frame")
    answer = as_json(status, {"error": {"code": code, "message": HTTPStatus(status).phrase.lower()}})
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


@dataclass(frozen=True, slots=True)
class _Answers:
    """Checks the key before anything else, and turns what goes wrong into an error body."""

    key_site: Callable[[str], str | None]

    def to(
        self, act: Callable[[Request, str], Awaitable[tuple[int, object]]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                return as_json(*await act(request, self._site(request)))
            except Refused as error:
                return as_error(error.code, error.message)
            except LookupError:
                return as_error("not_found", "no such conversation")
            except IdempotencyMismatch as error:
                return as_error("idempotency_mismatch", str(error))
            except Gone:
                return as_error("erased", "the conversation was erased")

        return endpoint

    def _site(self, request: Request) -> str:
        key = bearer(request)
        site = self.key_site(key) if key.startswith("sk_") else None
        if site is None:
            raise Refused("unauthorized", "expected Authorization: Bearer sk_… with a key of this server")
        return site


def _reference(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _operation(summary: str, answer: str, *, status: str = "200", body: str | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {
            status: {"description": "Done.", "content": _reference(answer)},
            "default": {"description": "It could not be done.", "content": _reference("Error")},
        },
    }
    if body is not None:
        operation["requestBody"] = {"content": _reference(body), "required": body == "PostMessage"}
    return operation


_CONVERSATION: Final = {"name": "conversation", "in": "path", "required": True, "schema": {"type": "string"}}
_AFTER: Final = {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0}}
_EVENT: Final = {
    "type": "object",
    "description": "One stored fact, as staff see it (docs/protocol.md).",
    "required": ["seq", "id", "at_ms", "kind", "role", "body"],
    "properties": {
        "seq": {"type": "integer", "minimum": 1},
        "id": {"type": "string"},
        "at_ms": {"type": "integer"},
        "kind": {"type": "string"},
        "role": {"enum": ["customer", "agent", "staff", "system"]},
        "body": {"type": "object"},
        "turn": {"type": "string"},
    },
}


def _object(**properties: object) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


OPENAPI: Final[Mapping[str, Any]] = {
    "openapi": "3.1.0",
    "info": {"title": "Shopbell for merchants' backends", "version": "1"},
    "security": [{"key": []}],
    "paths": {
        "/v1/conversations": {
            "post": _operation("Open a conversation.", "Opened", status="201", body="OpenConversation"),
        },
        "/v1/conversations/{conversation}/messages": {
            "parameters": [_CONVERSATION],
            "post": _operation("Say something as the customer.", "Said", body="PostMessage"),
        },
        "/v1/conversations/{conversation}/events": {
            "parameters": [_CONVERSATION, _AFTER],
            "get": _operation("Read at most 500 events after a position.", "Events"),
        },
    },
    "components": {
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key sk_…"}},
        "schemas": {
            "OpenConversation": OpenConversation.model_json_schema(),
            "PostMessage": PostMessage.model_json_schema(),
            "Event": _EVENT,
            "Opened": _object(conversation={"type": "string"}),
            "Said": _object(event={"$ref": "#/components/schemas/Event"}),
            "Events": _object(
                events={"type": "array", "items": {"$ref": "#/components/schemas/Event"}}, upto={"type": "integer"}
            ),
            "Error": _object(error=_object(code={"enum": sorted(STATUS)}, message={"type": "string"})),
        },
    },
}
"""What /openapi.json says; the schemas of the bodies are those that check them."""
