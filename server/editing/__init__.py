"""Editing: the merchant's files, changed from the desk: checked, versioned, undoable, and never over somebody else's change.

It knows no form and no page, and nothing of what a change does to a running server.
"""

from server.editing.editing import Conflict, Editing, Invalid
from server.editing.files import BadPath, FileText
from server.editing.history import Version
from server.editing.trial import Trial
from server.editing.yaml import Unwritable, rewrite

__all__ = [
    "BadPath",
    "Conflict",
    "Editing",
    "FileText",
    "Invalid",
    "Trial",
    "Unwritable",
    "Version",
    "rewrite",
]
