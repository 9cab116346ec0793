"""LlamaIndex models: any LlamaIndex function-calling LLM as a `server.ports.Model`.

Importing this package imports no LlamaIndex (about 3 s); `bridge` does, when a model is first warmed or used.
"""

from server.models.llamaindex.build import build
from server.models.llamaindex.model import Limits, LlamaIndexModel

__all__ = ["Limits", "LlamaIndexModel", "build"]
