"""Fallback: a second model that answers when the first cannot.

It never changes models once a chunk was given out: two halves of two answers are no answer.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from server.ports import Chunk, Model, ModelFailed, Prompt

logger = logging.getLogger(__name__)


class Fallback:
    """A `server.ports.Model` over two others."""

    def __init__(self, first: Model, second: Model) -> None:
        """`second` is asked when `first` failed without a word, after its own retries."""
        self.name = f"{first.name}, else {second.name}"
        self.quotes_only = all(getattr(model, "quotes_only", False) for model in (first, second))
        self._first = first
        self._second = second

    async def warm(self) -> None:
        """Load both before the first customer needs them; one that cannot be loaded is left to its first call."""
        for model in (self._first, self._second):
            prepare = getattr(model, "warm", None)
            if prepare is not None:
                with suppress(ModelFailed):
                    await prepare()

    async def close(self) -> None:
        """Let go of what both hold."""
        for model in (self._first, self._second):
            close = getattr(model, "close", None)
            if close is not None:
                await close()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk]:
        """One model call.

        Raises:
            ModelFailed: both failed, or one did in the middle of its answer.
        """
        given = False
        try:
            async with aclosing(_stream(self._first, prompt)) as chunks:
                async for chunk in chunks:
                    given = True
                    yield chunk
        except ModelFailed as error:
            if given:
                raise
            logger.warning("model %s: %s; asking %s", self._first.name, error, self._second.name)
        else:
            return
        async with aclosing(_stream(self._second, prompt)) as chunks:
            async for chunk in chunks:
                yield chunk


async def _stream(model: Model, prompt: Prompt) -> AsyncGenerator[Chunk]:
    chunks = model.stream(prompt)
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        # The port says "closing it stops the call"; a plain iterator has nothing to close.
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
