"""A small Shopbell for the widget's tests: speaks CONTRACT §4 by script and can cut the line at any frame.

Knows nothing of `server`: what it says is written here, from the contract.
"""

import asyncio
import html
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

ROOT = Path(__file__).parents[3]
DIST = ROOT / "widget" / "dist"
START_MS = 1_790_000_000_000
PICTURE = bytes.fromhex("47494638396101000100800000c0a080000000" + "2c00000000010001000002024401003b")
NONCE = "n0nce"
STRICT_CSP = (
    f"default-src 'none'; script-src 'nonce-{NONCE}' 'self'; connect-src 'self' ws://127.0.0.1:*; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types shopbell"
)

Frame = dict[str, Any]


@dataclass
class Talk:
    """One conversation: its log, and who listens."""

    name: str
    token: str
    events: list[Frame] = field(default_factory=list)
    drafts: dict[str, Frame] = field(default_factory=dict)
    steps: list[Frame] = field(default_factory=list)

    def add(self, kind: str, role: str, body: Frame, *, event_id: str = "", turn: str | None = None) -> Frame:
        seq = len(self.events) + 1
        event: Frame = {
            "seq": seq,
            "id": event_id or f"{self.name}:{seq}",
            "at_ms": START_MS + seq * 1000,
            "kind": kind,
            "role": role,
            "body": body,
        }
        if turn:
            event["turn"] = turn
        self.events.append(event)
        return event


@dataclass
class Line:
    """One open socket."""

    ws: WebSocket
    talk: Talk | None = None
    sent: int = 0


class FakeShop:
    """The server's script. Attributes may be changed between the steps of a test, before the browser acts."""

    def __init__(self) -> None:
        self.talks: dict[str, Talk] = {}
        self.lines: list[Line] = []
        self.heard: list[Frame] = []
        self.hellos: list[Frame] = []
        self.requests: list[str] = []
        self.site: Frame = {
            "name": "Fern & Field",
            "greeting": "Hello! What are you looking for today?",
            "theme": {"chips": ["What is your return policy?", "Where is my order 1042?", "I need a person"]},
            "locale": "en",
            "reasoning": "steps",
        }
        self.answer: Callable[[str], list[Frame]] = plain_answer
        self.links: dict[str, str] = {}
        """The conversation that each token of a mailed link opens."""
        self.answers = True
        """Whether an agent answers; without one, what is said is only taken in."""
        self.cut_at: int | None = None
        """See `cut_after`."""
        self.refuse_tokens = False
        self.refuse_next: tuple[str, int] | None = None
        self.stalled = False
        """Take in everything, answer nothing to `say`."""
        self.news = threading.Condition()
        """Notified after each frame that was dealt with, and when a line has ended."""
        self.gate = asyncio.Event()
        """What the running turn waits for at a `gate` of its answer; opened by `stop`, or by a test."""
        self.port = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.made = 0

    # Called from the test's thread.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, work: Callable[[], Any]) -> Any:
        """Do this in the server's loop and wait for it."""

        async def inside() -> Any:
            out = work()
            return await out if asyncio.iscoroutine(out) else out

        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(60)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until this holds of what was heard."""
        with self.news:
            assert self.news.wait_for(holds, 60)

    def until_said(self, text: str) -> None:
        self.until(lambda: any(f["t"] == "say" and f["text"] == text for f in self.heard))

    def until_heard(self, name: str, times: int = 1) -> None:
        """Wait until so many frames of this name were heard."""
        self.until(lambda: [f["t"] for f in self.heard].count(name) >= times)

    def cut_after(self, frames: int) -> None:
        """Close every line once this many more frames of a turn have been sent on it; once."""

        def begin() -> None:
            for line in self.lines:
                line.sent = 0
            self.cut_at = frames

        self.run(begin)

    def until_greeted(self, times: int) -> None:
        self.until(lambda: len(self.hellos) >= times)

    def drop(self, code: int = 4002) -> None:
        """Close every line."""

        async def close() -> None:
            for line in list(self.lines):
                await line.ws.close(code)

        self.run(close)

    def tell(self, *frames: Frame) -> None:
        """Send frames to every line."""

        async def send() -> None:
            for frame in frames:
                await self.broadcast(None, frame)

        self.run(send)

    def event(self, kind: str, role: str, body: Frame, *, turn: str | None = None, event_id: str = "") -> None:
        """Add an event to the newest conversation and send it."""

        async def send() -> None:
            talk = list(self.talks.values())[-1]
            await self.publish(talk, talk.add(kind, role, body, turn=turn, event_id=event_id))

        self.run(send)

    # The server's side.

    async def broadcast(self, talk: Talk | None, frame: Frame) -> None:
        for line in list(self.lines):
            if line.talk is not None and (talk is None or line.talk is talk):
                await self.send(line, frame)

    async def send(self, line: Line, frame: Frame) -> None:
        try:
            await line.ws.send_text(json.dumps(frame))
        except (WebSocketDisconnect, RuntimeError):
            self.gone(line)
            return
        if frame["t"] in ("draft", "step", "events"):
            line.sent += 1
        if self.cut_at is not None and line.sent >= self.cut_at:
            self.cut_at = None
            self.gone(line)
            await line.ws.close(4002)

    def gone(self, line: Line) -> None:
        if line in self.lines:
            self.lines.remove(line)

    async def publish(self, talk: Talk, *events: Frame) -> None:
        await self.broadcast(talk, {"t": "events", "events": list(events), "upto": events[-1]["seq"]})

    async def chat(self, ws: WebSocket) -> None:
        await ws.accept(subprotocol="shopbell.v1")
        line = Line(ws)
        self.lines.append(line)
        try:
            while True:
                data = json.loads(await ws.receive_text())
                for frame in data if isinstance(data, list) else [data]:
                    await self.hear(line, frame)
                    with self.news:
                        self.news.notify_all()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.gone(line)
            with self.news:
                self.news.notify_all()

    async def hear(self, line: Line, frame: Frame) -> None:
        self.heard.append(frame)
        kind = frame["t"]
        if kind == "hello":
            await self.hello(line, frame)
        elif line.talk is None:
            return
        elif kind == "say":
            await self.say(line.talk, frame)
        elif kind == "human":
            talk = line.talk
            await self.publish(talk, talk.add("mode", "system", {"mode": "waiting"}, event_id=frame["id"]))
        elif kind == "rate":
            talk = line.talk
            body = {k: frame[k] for k in ("of", "score") if k in frame}
            await self.publish(talk, talk.add("rated", "customer", body, event_id=frame["id"]))
        elif kind == "decide":
            talk = line.talk
            body = {"call": frame["call"], "approve": frame["approve"]}
            await self.publish(talk, talk.add("call.decided", "customer", body))
        elif kind == "stop":
            self.gate.set()

    async def hello(self, line: Line, frame: Frame) -> None:
        self.hellos.append(frame)
        if self.refuse_next:
            code, close = self.refuse_next
            self.refuse_next = None
            await line.ws.send_text(json.dumps({"t": "error", "code": code, "message": code}))
            await line.ws.close(close)
            return
        token = frame.get("token")
        talk = next((t for t in self.talks.values() if t.token == token), None)
        if token and (talk is None or self.refuse_tokens):
            await line.ws.send_text(json.dumps({"t": "error", "code": "bad_token", "message": "bad"}))
            await line.ws.close(4502)
            return
        if talk is None:
            self.made += 1
            talk = Talk(f"c{self.made}", f"token-{self.made}")
            self.talks[talk.name] = talk
        head = len(talk.events)
        after = frame["after"]
        recovered = frame.get("conversation") == talk.name and frame.get("epoch") == "e1" and after <= head
        welcome = {"t": "welcome", "v": 1, "conversation": talk.name, "token": talk.token, "epoch": "e1"}
        await self.send(line, {**welcome, "head": head, "recovered": recovered, "site": self.site})
        missing = talk.events[after:] if recovered else talk.events
        await self.send(line, {"t": "events", "events": missing, "upto": head})
        for again in [*talk.steps, *talk.drafts.values()]:
            await self.send(line, again)
        line.sent = 0
        line.talk = talk

    async def say(self, talk: Talk, frame: Frame) -> None:
        if self.stalled:
            return
        old = next((e for e in talk.events if e["id"] == frame["id"]), None)
        if old:
            if old["body"]["text"] != frame["text"]:
                error = {"t": "error", "code": "idempotency_mismatch", "message": "other text", "id": frame["id"]}
                await self.broadcast(talk, error)
            return
        await self.publish(talk, talk.add("message", "customer", {"text": frame["text"]}, event_id=frame["id"]))
        if not self.answers:
            return
        task = asyncio.create_task(self.turn(talk, frame["id"], frame["text"]))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def turn(self, talk: Talk, answers: str, text: str) -> None:
        turn = f"t:{answers[:8]}"
        self.gate = asyncio.Event()
        base = len(talk.events) + 1
        await self.publish(talk, talk.add("turn.started", "system", {"attempt": 1}, turn=turn))
        written = ""
        for frame in self.answer(text):
            if frame["t"] == "gate":
                await self.gate.wait()
            elif frame["t"] == "draft":
                at = len(written)
                written += frame["text"]
                talk.drafts["reply"] = {
                    "t": "draft",
                    "turn": turn,
                    "base": base,
                    "part": "reply",
                    "at": 0,
                    "text": written,
                }
                await self.broadcast(talk, {**talk.drafts["reply"], "at": at, "text": frame["text"]})
                await asyncio.sleep(0.004)
            elif frame["t"] == "thinking":
                out = {"t": "draft", "turn": turn, "base": base, "part": "thinking", "at": 0, "text": frame["text"]}
                await self.broadcast(talk, out)
            elif frame["t"] == "step":
                talk.steps.append({**frame, "turn": turn})
                await self.broadcast(talk, talk.steps[-1])
            elif frame["t"] == "event":
                await self.publish(talk, talk.add(frame["kind"], "system", frame["body"], turn=turn))
            elif frame["t"] == "message":
                talk.drafts.clear()
                talk.steps.clear()
                message = talk.add("message", "agent", frame["body"], turn=turn)
                ended = talk.add("turn.ended", "system", {"reason": "answered", "answers": [answers]}, turn=turn)
                await self.publish(talk, message, ended)

    def page(self, request: Request) -> Response:
        """Any page: `attrs` is JSON of data-*, `csp=1` the strict policy, `head` a script before the widget."""
        query = {k: v[0] for k, v in parse_qs(request.url.query).items()}
        attrs = {"site": "pk_test", **json.loads(query.get("attrs", "{}"))}
        tags = " ".join(f'data-{k}="{html.escape(str(v))}"' for k, v in attrs.items())
        early = f'<script nonce="{NONCE}">{query["head"]}</script>' if "head" in query else ""
        lang = query.get("lang", "en")
        body = (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Fern &amp; Field</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">'
            f"{early}</head><body><main><h1>Fern &amp; Field</h1><p>Tents, boots and stoves.</p>"
            f'<p><a href="/help/returns" id="before">Help</a></p></main>'
            f'<script nonce="{NONCE}" async src="/widget.js" {tags}></script></body></html>'
        )
        headers = {"Content-Security-Policy": STRICT_CSP} if "csp" in query else {}
        return HTMLResponse(body, headers=headers)

    def file(self, request: Request) -> Response:
        name = request.path_params.get("name", "widget.js")
        return Response(
            (DIST / name).read_bytes(), media_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"}
        )

    def source(self, request: Request) -> Response:
        path = (ROOT / "widget" / "src" / request.path_params["path"]).resolve()
        assert path.is_relative_to(ROOT / "widget" / "src")
        return Response(path.read_bytes(), media_type="text/javascript")

    def reopen(self, request: Request) -> Response:
        """A link's token, in a header, for a visitor's."""
        talk = self.talks.get(self.links.get(request.headers["authorization"].removeprefix("Bearer "), ""))
        if talk is None:
            return JSONResponse({"error": {"code": "bad_token", "message": "the link has run out"}}, 401)
        return JSONResponse({"site": "pk_test", "conversation": talk.name, "token": talk.token})

    def talked(self, name: str, *said: tuple[str, str]) -> Talk:
        """A conversation of before, with what was said by whom."""
        talk = self.talks[name] = Talk(name, f"token-of-{name}")
        for role, text in said:
            talk.add("message", role, {"text": text})
        return talk

    def picture(self, request: Request) -> Response:
        """A colleague's picture; withdrawn are those whose name begins with 0."""
        if request.path_params["name"].startswith("0"):
            return PlainTextResponse("no picture", status_code=404)
        return Response(PICTURE, media_type="image/gif")

    def nothing(self, request: Request) -> Response:
        if request.url.path != "/favicon.ico":  # the browser's own idea
            self.requests.append(request.url.path)
        return PlainTextResponse("nothing here", status_code=404)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/widget.js", self.file),
                Route("/widget/{name}", self.file),
                Route("/src/{path:path}", self.source),
                Route("/picture/{name}", self.picture),
                Route("/v1/reopen", self.reopen, methods=["POST"]),
                WebSocketRoute("/v1/chat", self.chat),
                Route("/{path:path}", self.nothing),
            ]
        )


class Running:
    """A FakeShop behind uvicorn in a thread of its own."""

    def __init__(self) -> None:
        self.shop = FakeShop()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.shop.port = self.socket.getsockname()[1]
        config = uvicorn.Config(
            self.shop.app(), log_level="error", ws="websockets-sansio", lifespan="off", timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, name="fake shop")

    def _run(self) -> None:
        async def main() -> None:
            self.shop.loop = asyncio.get_running_loop()
            self.ready.set()
            await self.server.serve(sockets=[self.socket])

        asyncio.run(main())

    def __enter__(self) -> FakeShop:
        self.thread.start()
        assert self.ready.wait(10)
        return self.shop

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()


def words(text: str) -> list[Frame]:
    """The draft frames of a text, a word each."""
    return [{"t": "draft", "text": part} for part in text.replace(" ", " \x00").split("\x00")]


POLICY = (
    "You can send sale items back within **30 days** [1]. They must be unworn:\n\n"
    "- boots: only worn indoors\n- tents: dry and clean\n\nRefunds take 5 to 7 working days [2]."
)
CITATIONS = [
    {
        "n": 1,
        "document": "returns.md",
        "title": "Returns and exchanges",
        "url": "/help/returns#sale",
        "start": 0,
        "end": 40,
        "quote": "Sale items can be returned within 30 days, unworn and with their tags.",
    },
    {
        "n": 2,
        "document": "refunds.md",
        "title": "Refunds",
        "url": "/help/refunds",
        "start": 10,
        "end": 60,
        "quote": "A refund takes 5 to 7 working days to reach your account.",
    },
]


def plain_answer(text: str) -> list[Frame]:
    """An answer with a step, drafts and citations."""
    return [
        {"t": "step", "id": "s1", "label": "Looking through the help pages", "state": "running"},
        {"t": "step", "id": "s1", "label": "Looking through the help pages", "state": "done"},
        *words(POLICY),
        {"t": "message", "body": {"text": POLICY, "citations": CITATIONS}},
    ]
