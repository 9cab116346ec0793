"""`alerts:` of site.yaml: what it may say, and what `shopbell check` says of it."""

from pathlib import Path

import pytest

from server.shop import read_shop
from server.site import Site, check, parse_yaml

HEAD = "key: pk_a\nname: A\norigins: [https://a.example]\n"
HOOK = "alerts:\n  webhook: {url_env: HOOK, secret_env: KEY}\n"


@pytest.mark.parametrize(
    ("text", "line", "about"),
    [
        ("alerts: {email: boss}", 4, "staff, or a list"),
        ("alerts:\n  email: [a b]", 5, "staff, or a list"),
        ("alerts:\n  email: staff\n  reasons: [waiting, sleep]", 6, "sleep"),
        ("alerts:\n  webhook: {url: https://hooks.example/T0/B0}", 5, "url"),
        ("alerts:\n  webhook: {url_env: https://hooks.example/T0/B0}", 5, "environment variable"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(text, line, about):
    found = []
    document = parse_yaml(HEAD + text, Path("site.yaml"), found)
    assert check(Site, document, found) is None
    assert f"site.yaml:{line}:" in str(found[0])
    assert about in str(found[0])
    assert "T0/B0" not in str(found[0]), "the URL is a secret"


@pytest.mark.parametrize(
    ("environment", "names"),
    [({}, ["HOOK", "KEY"]), ({"HOOK": "https://a.example"}, ["KEY"]), ({"HOOK": "https://a.example", "KEY": "x"}, [])],
)
def test_a_variable_that_is_not_set_is_a_warning(tmp_path, environment, names):
    (tmp_path / "site.yaml").write_text(HEAD + HOOK)
    _, problems = read_shop(tmp_path, data=tmp_path / "data", environment=environment)
    said = [str(problem) for problem in problems if "environment variable" in str(problem)]
    assert len(said) == len(names)
    assert all(f"variable {name} " in text and "site.yaml:5:" in text for name, text in zip(names, said, strict=True))
