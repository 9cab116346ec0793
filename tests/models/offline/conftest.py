"""One engine and one library for all tests of the offline engine: loading the embedding model takes a second."""

import pytest

from retrieval.embed import MiniLM
from server.models.offline import Offline
from tests.models.offline.garage import Library


@pytest.fixture(scope="session")
def embedder() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="session")
def engine(embedder: MiniLM) -> Offline:
    return Offline(embedder)


@pytest.fixture(scope="session")
def library(embedder: MiniLM) -> Library:
    return Library(embedder)
