"""The index of a help center: `open_index`, `Index.sync`, `Index.search`.

`core` answers questions and imports no LlamaIndex; `ingest` does, and is loaded by the first sync that has work to do.
"""

from retrieval.index.core import Index, State, open_index

__all__ = ["Index", "State", "open_index"]
