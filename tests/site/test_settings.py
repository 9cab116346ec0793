"""Settings: from the environment, options above them, every mistake named, no secret shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.settings import SettingsError, embedding_class, load_settings, signing_secret

SECRET = "s3cr3t-" * 8


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in list(os.environ):
        if name.startswith("SHOPBELL_"):
            monkeypatch.delenv(name)


def test_the_defaults_are_those_of_the_contract():
    settings = load_settings()
    assert (settings.model, settings.store, settings.broker, settings.qdrant) == ("offline", "sqlite", "memory", None)
    assert (settings.host, settings.port, settings.data, settings.shops) == ("127.0.0.1", 8000, Path("data"), ())
    assert settings.embedding == "minilm"
    assert embedding_class(settings) is None


def test_the_environment_is_read(monkeypatch):
    monkeypatch.setenv("SHOPBELL_MODEL", "openai-like/qwen3:8b")
    monkeypatch.setenv("SHOPBELL_MODEL_URL", "http://127.0.0.1:11434/v1")
    monkeypatch.setenv("SHOPBELL_MODEL_KEY", SECRET)
    monkeypatch.setenv("SHOPBELL_PORT", "9000")
    monkeypatch.setenv("SHOPBELL_SHOPS", os.pathsep.join(["a", "", "b/c"]))
    monkeypatch.setenv("SHOPBELL_EMBEDDING", "json:JSONEncoder")
    monkeypatch.setenv("SHOPBELL_EMBEDDING_OPTIONS", '{"indent": 2}')
    monkeypatch.setenv("SHOPBELL_LOG_LEVEL", "DEBUG")
    settings = load_settings()
    assert settings.model == "openai-like/qwen3:8b"
    assert settings.model_key.get_secret_value() == SECRET
    assert (settings.port, settings.log_level) == (9000, "debug")
    assert settings.shops == (Path("a"), Path("b/c"))
    assert settings.embedding_options == {"indent": 2}
    assert embedding_class(settings).__name__ == "JSONEncoder"


def test_an_option_stands_above_the_environment_and_none_leaves_it(monkeypatch):
    monkeypatch.setenv("SHOPBELL_PORT", "9000")
    monkeypatch.setenv("SHOPBELL_HOST", "0.0.0.0")
    settings = load_settings(port=1, host=None, shops=(Path("x"),))
    assert (settings.port, settings.host, settings.shops) == (1, "0.0.0.0", (Path("x"),))


def test_an_empty_variable_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("SHOPBELL_QDRANT", "")
    monkeypatch.setenv("SHOPBELL_PORT", "")
    assert (load_settings().qdrant, load_settings().port) == (None, 8000)


def test_an_option_that_does_not_exist_is_a_bug():
    with pytest.raises(TypeError, match="no such settings: prot"):
        load_settings(prot=1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "http", "SHOPBELL_PORT: .*integer.*got 'http'"),
        ("PORT", "70000", "SHOPBELL_PORT: .*65535.*got '70000'"),
        ("MODEL", "gpt-5", "SHOPBELL_MODEL: expected offline, openai/NAME, .*got 'gpt-5'"),
        ("MODEL", "openai-like/x", "needs SHOPBELL_MODEL_URL"),
        ("MODEL_URL", "127.0.0.1:1", "SHOPBELL_MODEL_URL: "),
        ("STORE", "mysql://u:hunter2@h/d", r"SHOPBELL_STORE: expected sqlite, memory or postgresql://…, got mysql://…"),
        ("BROKER", "kafka", "SHOPBELL_BROKER: expected memory or redis://…, got 'kafka'"),
        ("QDRANT", "localhost", "SHOPBELL_QDRANT: "),
        ("EMBEDDING", "BAAI/bge", "SHOPBELL_EMBEDDING: expected minilm, or module:Class"),
        ("EMBEDDING_OPTIONS", "{", "SHOPBELL_EMBEDDING_OPTIONS: expected a JSON object"),
        ("EMBEDDING_OPTIONS", "[1]", "SHOPBELL_EMBEDDING_OPTIONS: "),
        ("LOG_LEVEL", "loud", "SHOPBELL_LOG_LEVEL: .*'debug', 'info', 'warning' or 'error'.*got 'loud'"),
        ("PUBLIC_URL", "https://chat.example/x", "SHOPBELL_PUBLIC_URL: "),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(monkeypatch, name, value, message):
    monkeypatch.setenv(f"SHOPBELL_{name}", value)
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_all_wrong_settings_are_named_at_once(monkeypatch):
    monkeypatch.setenv("SHOPBELL_PORT", "x")
    monkeypatch.setenv("SHOPBELL_BROKER", "y")
    with pytest.raises(SettingsError) as caught:
        load_settings(log_level="z")
    assert sorted(line.split(":")[0] for line in str(caught.value).splitlines()) == [
        "--log_level", "SHOPBELL_BROKER", "SHOPBELL_PORT",
    ]  # fmt: skip


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch):
    for name in ("SECRET", "MODEL_KEY", "QDRANT_KEY", "METRICS_TOKEN"):
        monkeypatch.setenv(f"SHOPBELL_{name}", SECRET)
    settings = load_settings()
    assert SECRET not in f"{settings!r} {settings}"
    assert signing_secret(settings).get_secret_value() == SECRET


def test_a_short_secret_is_taken_and_not_shown():
    settings = load_settings(secret="hunter2")
    assert settings.secret.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


# The signing secret


def test_the_secret_is_made_once_and_kept_for_its_owner_only(tmp_path):
    settings = load_settings(data=tmp_path / "data")
    first = signing_secret(settings)
    file = tmp_path / "data" / "secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(first.get_secret_value()) >= 32
    assert signing_secret(settings) == first
    assert signing_secret(load_settings(data=tmp_path / "other")) != first
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]


def test_a_configured_secret_leaves_no_file(tmp_path):
    assert signing_secret(load_settings(data=tmp_path, secret=SECRET)).get_secret_value() == SECRET
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"x" * 64, 0o644, "others can read the signing secret .mode 0644.; run: chmod 600"),
        (b"x" * 64, 0o620, "others can read"),
        (b"short", 0o600, "expected at least 32 characters, got 5"),
        (b"", 0o600, "expected at least 32 characters, got 0"),
        (b"\xff" * 64, 0o600, "cannot be kept here"),
    ],
)
def test_a_kept_secret_that_cannot_be_trusted_is_refused(tmp_path, content, mode, message):
    (tmp_path / "secret").write_bytes(content)
    (tmp_path / "secret").chmod(mode)
    with pytest.raises(SettingsError, match=message):
        signing_secret(load_settings(data=tmp_path))


def test_a_data_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingsError, match="cannot be kept here"):
        signing_secret(load_settings(data=tmp_path / "data"))


def test_processes_that_start_together_agree_on_one_secret(tmp_path):
    code = (
        "import sys; from pathlib import Path; from server.settings import *; sys.stdin.readline();"
        "print(signing_secret(load_settings(data=Path(sys.argv[1]))).get_secret_value())"
    )
    root = Path(__file__).parents[2]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        for _ in range(3)
    ]
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = {process.communicate()[0].strip() for process in started}
    assert len(answers) == 1
    assert len(answers.pop()) >= 32


# Embeddings


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:X", "cannot be imported: No module named"),
        ("json:NoSuchClass", "cannot be imported: "),
        ("json:dumps", "expected a class"),
    ],
)
def test_an_embedding_that_does_not_exist_is_named(name, message):
    with pytest.raises(SettingsError, match=f"SHOPBELL_EMBEDDING.*{message}"):
        embedding_class(load_settings(embedding=name))
