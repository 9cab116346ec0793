"""Fixtures for the demo: the demo shop loaded from its directory, and a client of its pages."""

import os

import pytest
from starlette.testclient import TestClient

from server.shop import Shop, load_shop
from tests.demo.support import SHOP, client_for


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return load_shop(SHOP, data=tmp_path_factory.mktemp("data"), environment=os.environ)


@pytest.fixture
def client(shop: Shop) -> TestClient:
    return client_for(shop)
