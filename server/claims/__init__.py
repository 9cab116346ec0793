"""Claims: what a model says to have done is shown only if a call that did it succeeded.

Pure. `words` names actions, `judge` finds a claim in a sentence, `proof` compares it with calls, `hold` does so in a stream.
"""

from server.claims.asked import is_asked_for, is_told, is_wish, words_since
from server.claims.hold import Hold, Open
from server.claims.judge import Claim, claim_in
from server.claims.proof import Deed, Proof
from server.claims.words import Lexicon

__all__ = [
    "Claim",
    "Deed",
    "Hold",
    "Lexicon",
    "Open",
    "Proof",
    "claim_in",
    "is_asked_for",
    "is_told",
    "is_wish",
    "words_since",
]
