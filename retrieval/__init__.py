"""Knowledge: help centers in, passages with exact spans out; start at `retrieval.index.open_index`.

A leaf package: it knows neither server nor tools. Importing it loads no model, no LlamaIndex and no Qdrant.
"""
