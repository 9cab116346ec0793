"""StoreFailed: the one error that a store raises for its disk, its file or its connection.

Does not stand for a decision of the log: those are `Conflict`, `Gone`, `OverLimit`, `IdempotencyMismatch`.
"""


class StoreFailed(OSError):
    """The log cannot be opened, read or written. The message says what was expected and what to do.

    An `OSError`, so that layers below the stores can catch it without knowing them.
    """
