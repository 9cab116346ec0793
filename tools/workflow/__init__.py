"""Workflows: fixed sequences of steps written as YAML, and the pure machine that runs them.

Part of the leaf package `tools`: it knows neither server nor retrieval. It runs no tool.
"""
