"""Fixtures for the demo: the demo shop loaded from its directory, and a client of its pages."""

import os
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from server.shop import Shop, load_shop
from tests.demo.support import SHOP, Till, client_for


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return load_shop(SHOP, data=tmp_path_factory.mktemp("data"), environment=os.environ)


@pytest.fixture
def client(shop: Shop) -> TestClient:
    return client_for(shop)


@pytest.fixture
def till(shop: Shop, tmp_path: Path) -> Till:
    return Till(shop, tmp_path)
