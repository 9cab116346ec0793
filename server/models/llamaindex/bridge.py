"""Bridge: the only file here that imports LlamaIndex: makes its LLMs, messages and tools.

Imported late and in a thread: `llama_index.llms.openai` takes about 3 s. It decides nothing about answers.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, NoReturn

import httpx
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock, ToolCallBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.tools import BaseTool, FunctionTool, ToolMetadata

from server.models.llamaindex.flows import Builtin
from server.models.llamaindex.render import Message
from tools import ToolSpec

CALL_HEADER: Final = "x-shopbell-call"
"""Names a call between us and our HTTP client; it is taken off before anything is sent."""
TEMPERATURE: Final = 0.2
"""A support agent should say the same thing twice, more or less."""
_DONE: Final = re.compile(rb"(?:^|[\r\n])data: ?\[DONE\]")
"""The last line of a stream, as OpenAI and those who speak like it write it. Within a piece of JSON no line can begin."""
_KEPT_BYTES: Final = 16
"""Of what came before: more than that line has, in case it comes in pieces."""


class Http(httpx.AsyncClient):
    """An HTTP client that can close the response of one call, however deep in an SDK its reader sleeps.

    It also sees whether the server said that a stream was over: SDKs show the same for that and for a body that just ended.
    """

    def __init__(self, timeout: httpx.Timeout) -> None:
        """Take the limits of one request."""
        # 1,000: the SDKs' own default; each running turn holds one connection.
        limits = httpx.Limits(max_connections=1000, max_keepalive_connections=100)
        super().__init__(timeout=timeout, limits=limits)
        self._responses: dict[str, httpx.Response] = {}
        self._over: set[str] = set()

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's options
        """Send a request, and remember its response by its call."""
        call = request.headers.pop(CALL_HEADER, None)
        response = await super().send(request, **options)
        if call is not None:
            self._responses[call] = response
            # The instance's own: whichever way an SDK reads, decoded bytes come through here.
            response.aiter_bytes = self._watched(call, response)  # type: ignore[method-assign]
        return response

    def _watched(self, call: str, response: httpx.Response) -> Any:  # noqa: ANN401 - httpx's own signature
        read = response.aiter_bytes

        async def aiter_bytes(chunk_size: int | None = None) -> AsyncIterator[bytes]:
            kept = b"\n"
            async for data in read(chunk_size):
                kept += data
                if _DONE.search(kept):
                    self._over.add(call)
                kept = kept[-_KEPT_BYTES:]
                yield data

        return aiter_bytes

    def is_over(self, call: str) -> bool:
        """Whether the server has written the line that ends a stream."""
        return call in self._over

    async def hang_up(self, call: str) -> None:
        """Close the connection of a call, if it has one, and forget the call."""
        self._over.discard(call)
        response = self._responses.pop(call, None)
        if response is not None:
            await response.aclose()


def openai_like(
    name: str, url: str, key: str | None, http: Http, *, temperature: float = TEMPERATURE
) -> FunctionCallingLLM:
    """An LLM on any server that speaks OpenAI's chat completions."""
    from llama_index.llms.openai_like import OpenAILike  # 1 s more; not needed for other providers

    options: dict[str, Any] = {
        "api_base": url,
        # A text that is not empty: without one, the SDK would send OPENAI_API_KEY to a server that is not OpenAI's.
        "api_key": key or "none",
        "is_chat_model": True,
        "is_function_calling_model": True,
        # Only a number in the metadata: nothing is cut to it.
        "context_window": 128_000,
    }
    return OpenAILike(model=name, temperature=temperature, **options, **_common(http))


def openai(name: str, url: str | None, key: str, http: Http) -> FunctionCallingLLM:
    """An LLM at OpenAI."""
    from llama_index.llms.openai import OpenAI  # 1 s more; not needed for other providers
    from llama_index.llms.openai.utils import ALL_AVAILABLE_MODELS

    if name not in ALL_AVAILABLE_MODELS:
        # LlamaIndex refuses names that it does not know yet. Newer models take no temperature but 1.
        return openai_like(name, url or "https://api.openai.com/v1", key, http, temperature=1.0)
    return OpenAI(model=name, api_base=url, api_key=key, temperature=TEMPERATURE, **_common(http))


def _common(http: Http) -> dict[str, Any]:
    return {
        "max_retries": 0,  # ours know what was already given out
        "timeout": http.timeout.read,
        "additional_kwargs": {"stream_options": {"include_usage": True}},
        "async_http_client": http,
    }


def anthropic(name: str, url: str | None, key: str, timeout_s: float) -> FunctionCallingLLM:
    """An LLM at Anthropic.

    Raises:
        ImportError: the extra is not installed.
    """
    from llama_index.llms.anthropic import Anthropic  # an extra

    llm: FunctionCallingLLM = Anthropic(
        model=name, base_url=url, api_key=key, max_tokens=4096, max_retries=0, timeout=timeout_s
    )
    return llm


class _SpecMetadata(ToolMetadata):
    """Metadata whose schema is given as it is: LlamaIndex's own drops `additionalProperties`."""

    def __init__(self, name: str, description: str, schema: Mapping[str, Any]) -> None:
        super().__init__(description=description, name=name, fn_schema=None)
        self._schema = dict(schema)

    def get_parameters_dict(self) -> dict[str, Any]:
        return dict(self._schema)


def tools_of(specs: Sequence[ToolSpec], builtins: Sequence[Builtin]) -> list[BaseTool]:
    """The tools as LlamaIndex offers them to a model; none of them can be run from here."""
    metadata = [_SpecMetadata(spec.name, spec.description, spec.json_schema) for spec in specs]
    known = {spec.name for spec in specs}
    metadata += [_SpecMetadata(one.name, one.description, one.schema) for one in builtins if one.name not in known]
    return [FunctionTool(fn=_never, metadata=one) for one in metadata]


def _never() -> NoReturn:
    raise AssertionError("a model's tools are run by the server, never by LlamaIndex")


def chat_messages(messages: Sequence[Message]) -> list[ChatMessage]:
    """Our messages as LlamaIndex's."""
    return [_chat_message(message) for message in messages]


def _chat_message(message: Message) -> ChatMessage:
    if message.role == "tool":
        kwargs = {"tool_call_id": message.call}
        return ChatMessage(role=MessageRole.TOOL, blocks=[TextBlock(text=message.text)], additional_kwargs=kwargs)
    blocks: list[TextBlock | ToolCallBlock] = [TextBlock(text=message.text)] if message.text else []
    blocks += [
        ToolCallBlock(tool_call_id=call.id, tool_name=call.tool, tool_kwargs=call.args) for call in message.calls
    ]
    return ChatMessage(role=MessageRole(message.role), blocks=blocks or [TextBlock(text="")])
