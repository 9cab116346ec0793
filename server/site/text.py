"""YAML with places, as `tools.places` reads it: workflows need the same, and a leaf package cannot import the server's.

Nothing of its own.
"""

from tools.places import Document, Path_, Place, check, parse_yaml, read_text

__all__ = ["Document", "Path_", "Place", "check", "parse_yaml", "read_text"]
