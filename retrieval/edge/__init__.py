"""The embedded engine: a Qdrant Edge shard in this process, and the same shard as a LlamaIndex vector store.

`shard` is all that a query needs and imports no LlamaIndex; `store` does, and is loaded by the first sync that writes.
"""
