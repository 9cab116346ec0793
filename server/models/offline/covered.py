"""Covered: whether each word of a message, as it is meant in it, is near to some word of what a tool says of itself.

Pure over vectors that are handed in; decides nothing. A sentence vector is near where the message is about the same things;
this tells whether anything in the message is left over that the tool knows nothing of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Halves, Vectors

_DIRECTIONS: Final = 64
"""Directions kept of the vectors' 384, in which the words of a set of tools differ most: 0.25 kB a word instead of 1.5. On the
tuning half of bitext_intents, CLINC150 and BANKING77 64 tell as much as all; 48 lose a fifth of a point."""
_NONE, _WHOLE = 0.2, 0.7
"""Likenesses from which a word begins to count as covered, and counts as wholly covered. .1 to .7, .3 to .7 and .2 to .8 do about
as well on those three; without limits a quarter of what is gained is lost: how little like two words are says nothing."""


@dataclass(frozen=True)
class Covering:
    """The words of a set of tools, and of what customers ask that none of them does."""

    middle: Vectors
    """(dim,): what all words share."""
    directions: Vectors
    """(dim, `_DIRECTIONS`)."""
    words: Vectors
    """(words, `_DIRECTIONS`), each as long as its text weighs; tool by tool, what is asked elsewhere at the end."""
    starts: NDArray[np.intp]
    """The first row of each tool, and of what is asked elsewhere."""

    def covered(self, tokens: Halves) -> Vectors:
        """For each tool the share of the words (n, dim) that it has, less what is nearer to those asked elsewhere: -1..1.

        Nearer, not near: "where is my order" is asked elsewhere too, and here it is what the tool is for.
        """
        if not len(tokens):
            return np.zeros(len(self.starts) - 1, dtype=np.float32)
        seen = _along(tokens, self.middle, self.directions)
        near = np.maximum.reduceat(self.words @ seen.T, self.starts, axis=0)
        shares = (np.clip(near, _NONE, _WHOLE) - _NONE) / (_WHOLE - _NONE)
        own, elsewhere = shares[:-1], shares[-1]
        out: Vectors = (own - np.maximum(elsewhere - own, 0.0)).mean(axis=1)
        return out


def make_covering(tokens: Sequence[Halves], owners: Sequence[int], weights: Sequence[float]) -> Covering | None:
    """The words of texts, with the number of the tool that each text belongs to, -1 for none, and what the text weighs.

    None where no tool has any words: the embedder does not tell them apart. 500 texts take 35 ms on a quiet core, on two
    busy ones some hundreds.
    """
    if not any(len(found) for found, owner in zip(tokens, owners, strict=True) if owner >= 0):
        return None
    count = max(owners) + 1
    # Like no word: a tool whose texts have no words still has a row.
    nothing = np.zeros((1, tokens[0].shape[1]), dtype=np.float16)
    groups = [[at for at, owner in enumerate(owners) if owner == wanted] for wanted in (*range(count), -1)]
    own = [np.concatenate([nothing, *(tokens[at] for at in group)]) for group in groups]
    lengths = np.concatenate(
        [np.repeat([0.0, *(weights[at] for at in group)], [1, *(len(tokens[at]) for at in group)]) for group in groups]
    ).astype(np.float32)
    every = np.concatenate(own).astype(np.float32)  # 5 MB for 500 texts: changed where it is, not copied
    known = ((lengths > 0) & (np.arange(len(every)) < len(every) - len(own[-1]))).astype(np.float32)
    middle: Vectors = (known @ every) / known.sum()
    every -= middle
    every[lengths == 0] = 0.0
    _unit(every)
    directions: Vectors = np.ascontiguousarray(np.linalg.eigh(every.T @ every)[1][:, -_DIRECTIONS:])
    words = _unit(every @ directions) * lengths[:, None]
    starts = np.cumsum([0, *(len(part) for part in own[:-1])])
    return Covering(middle, directions, words, starts)


def _along(tokens: Halves, middle: Vectors, directions: Vectors) -> Vectors:
    """Seen from the middle and along the directions, each of length 1."""
    return _unit(np.asarray((tokens.astype(np.float32) - middle) @ directions, dtype=np.float32))


def _unit(vectors: Vectors) -> Vectors:
    """The same array, each row now of length 1, or 0."""
    vectors /= np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-6)[:, None]
    return vectors
