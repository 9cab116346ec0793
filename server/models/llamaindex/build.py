"""Build: a model from its setting, `openai/NAME`, `openai-like/NAME` or `anthropic/NAME`.

Imports no LlamaIndex: the backend does, when it is made.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from server.models.llamaindex.model import Limits, LlamaIndexModel
from server.models.llamaindex.render import Message, builtins
from server.ports import Prompt

if TYPE_CHECKING:  # these import LlamaIndex, 3 s
    from llama_index.core.llms.function_calling import FunctionCallingLLM

    from server.models.llamaindex.bridge import Http

PROVIDERS = ("openai", "openai-like", "anthropic")


def build(
    setting: str,
    *,
    url: str | None = None,
    key: str | None = None,
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
) -> LlamaIndexModel:
    """The model of a setting. Cheap: nothing is imported or connected before the model is warmed or used.

    Without `key`, OPENAI_API_KEY or ANTHROPIC_API_KEY of the environment counts for its own provider, never for
    `openai-like`.

    Raises:
        ValueError: the setting names no provider, or lacks its key or URL.
    """
    provider, _, name = setting.partition("/")
    if provider not in PROVIDERS or not name:
        raise ValueError(f"expected openai/NAME, openai-like/NAME or anthropic/NAME, got {setting!r}")
    limits = limits or Limits()
    environment = os.environ if environment is None else environment
    if provider == "openai-like" and not url:
        raise ValueError(f"{setting} needs SHOPBELL_MODEL_URL, the base URL of its server, ending in /v1")
    if provider != "openai-like" and not key:
        usual = f"{provider.upper()}_API_KEY"
        key = environment.get(usual)
        if not key:
            raise ValueError(f"{setting} needs SHOPBELL_MODEL_KEY (or {usual})")
    return LlamaIndexModel(setting, lambda: Llm(provider, name, url, key, limits), key=key, limits=limits)


class Llm:
    """A `Backend`: one LLM and, where the provider's SDK takes ours, its HTTP client."""

    def __init__(self, provider: str, name: str, url: str | None, key: str | None, limits: Limits) -> None:
        """Import and make everything; slow, so call it in a thread.

        Raises:
            ImportError: the provider's package is not installed; says how to install it.
        """
        import httpx  # 0.1 s; the server needs it nowhere else

        from server.models.llamaindex import bridge  # 2 to 4 s

        self._bridge = bridge
        self._http: Http | None = None
        # The reading limit stands behind our own, which also see what an SDK swallows.
        read_s = max(limits.first_s, limits.between_s) + 5
        if provider == "anthropic":
            try:
                self._llm: FunctionCallingLLM = bridge.anthropic(name, url, key or "", read_s)
            except ImportError as error:
                raise ImportError(f"anthropic/{name} needs an extra: pip install 'shopbell[anthropic]'") from error
            return
        timeout = httpx.Timeout(read_s, connect=limits.connect_s, write=10.0, pool=5.0)
        self._http = bridge.Http(timeout)
        if provider == "openai":
            self._llm = bridge.openai(name, url, key or "", self._http)
        else:
            self._llm = bridge.openai_like(name, url or "", key, self._http)

    async def open(
        self, call: str, rendered: Sequence[Message], prompt: Prompt, *, with_tools: bool
    ) -> AsyncIterator[Any]:
        """Start a call; the request goes out with the first piece that is asked for."""
        options: dict[str, Any] = {"extra_headers": {self._bridge.CALL_HEADER: call}} if self._http is not None else {}
        chat = self._bridge.chat_messages(rendered)
        if not with_tools:
            return await self._llm.astream_chat(chat, **options)
        offered = self._bridge.tools_of(prompt.tools, builtins(prompt))
        return await self._llm.astream_chat_with_tools(
            offered, chat_history=chat, allow_parallel_tool_calls=True, **options
        )

    def is_over(self, call: str) -> bool:
        """Whether the server said so with a line of its own. Anthropic's says it with a reason, always."""
        return self._http is not None and self._http.is_over(call)

    async def hang_up(self, call: str) -> None:
        """Close the call's connection. Anthropic's SDK closes its own when its reader goes."""
        if self._http is not None:
            await self._http.hang_up(call)

    async def close(self) -> None:
        """Close the HTTP client."""
        if self._http is not None:
            await self._http.aclose()
