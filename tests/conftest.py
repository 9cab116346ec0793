"""Fixtures that every part of the suite may use.

Must not hold what only one part of it needs.
"""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _indexed(tmp_path_factory):
    """A directory of this run, of all its workers, in which `tests.serving` keeps indexes of articles."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "indexed"
    root.mkdir(exist_ok=True)
    os.environ["TEST_INDEXED"] = str(root)
    yield
    del os.environ["TEST_INDEXED"]
