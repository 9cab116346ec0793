"""CONTRACT §1 and §3 to the letter: each command as a process: exit status, stdout, stderr."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.serving import ROOT, SECRET, Server, free_port, write_shop

# The discard port: nobody listens there.
QDRANT = {"SHOPBELL_QDRANT": "http://127.0.0.1:9"}


def shopbell(*arguments, stdin=None, **env):
    """Run a command to its end."""
    known = {k: v for k, v in os.environ.items() if not k.startswith("SHOPBELL_")}
    command = [sys.executable, "-m", "server.cli", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, input=stdin or "", cwd=ROOT, env=known | env, timeout=100, check=False
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    articles = {
        "returns.md": "# Returns\n\nYou can return any unworn item within 30 days of delivery.\n",
        "deep/er/delivery.html": "<html><head><title>Delivery</title></head><body><h1>Delivery</h1>"
        "<p>Parcels arrive within 3 working days.</p></body></html>",
        "paying.md": "---\ntitle: How to pay\nurl: https://shop.example/pay\n---\nWe take cards and bank transfer.\n",
    }
    return write_shop(tmp_path_factory.mktemp("commands") / "shop", articles=articles)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data") / "kept"


def test_sync_says_what_changed_and_search_answers_each_query_in_order(shop, data, tmp_path):
    synced = shopbell("knowledge", "sync", "--shop", shop, "--data", data)
    assert synced.returncode == 0
    for word in ("3 added", "0 changed", "0 removed", "0 unchanged"):
        assert word in synced.stdout
    queries = tmp_path / "queries.jsonl"
    asked = [("b", "how long does delivery take"), ("a", "return an item"), ("c", "bank transfer"), ("d", "")]
    lines = [json.dumps({"id": i, "query": q}) for i, q in asked]
    queries.write_text("\n".join(lines) + "\n\n")
    found = shopbell("knowledge", "search", "--shop", shop, "--data", data, "--queries", queries, "-k", "2")
    assert found.returncode == 0, found.stderr
    answers = [json.loads(line) for line in found.stdout.splitlines()]
    assert [a["id"] for a in answers] == ["b", "a", "c", "d"]
    assert all(set(a) == {"id", "hits"} for a in answers)
    for answer in answers:
        scores = [hit["score"] for hit in answer["hits"]]
        assert scores == sorted(scores, reverse=True)
        assert len({hit["document"] for hit in answer["hits"]}) == len(scores) <= 2
        for hit in answer["hits"]:
            assert set(hit) == {"document", "score", "title", "url", "text"}
            assert (shop / "help" / hit["document"]).is_file()
    best = {a["id"]: a["hits"][0] for a in answers if a["hits"]}
    assert best["b"]["document"] == "deep/er/delivery.html"
    assert best["a"]["document"] == "returns.md"
    assert (best["c"]["document"], best["c"]["title"], best["c"]["url"]) == (
        "paying.md",
        "How to pay",
        "https://shop.example/pay",
    )
    routed = shopbell("route", "--shop", shop, "--data", data, "--queries", queries)
    assert routed.returncode == 0, routed.stderr
    answers = [json.loads(line) for line in routed.stdout.splitlines()]
    assert [a["id"] for a in answers] == ["b", "a", "c", "d"]
    for answer in answers:
        assert set(answer) == {"id", "picks"}
        assert answer["picks"]
        scores = [pick["score"] for pick in answer["picks"]]
        assert scores == sorted(scores, reverse=True)
        for pick in answer["picks"]:
            assert set(pick) >= {"kind", "name", "score"}
            assert pick["kind"] in ("workflow", "tool", "specialist", "knowledge", "human", "none")
    assert answers[1]["picks"][0]["kind"] == "knowledge"
    assert answers[3]["picks"][0]["kind"] == "none"


def test_one_query_in_words_and_as_json(shop, data):
    plain = shopbell("knowledge", "search", "--shop", shop, "--data", data, "--query", "return an item")
    assert plain.returncode == 0
    assert "returns.md" in plain.stdout
    found = shopbell("knowledge", "search", "--shop", shop, "--data", data, "--query", "return an item", "--json")
    [line] = found.stdout.splitlines()
    assert json.loads(line)["hits"][0]["document"] == "returns.md"
    routed = shopbell("route", "--shop", shop, "--data", data, "--query", "I want to talk to a human", "--json")
    [line] = routed.stdout.splitlines()
    assert json.loads(line)["picks"][0]["kind"] == "human"


@pytest.mark.parametrize("line", ["no json", '{"id": "a"}', "[]", '{"id": "a", "query": 5}'])
def test_a_line_that_is_no_query_is_named_on_stderr(shop, data, tmp_path, line):
    queries = tmp_path / "queries.jsonl"
    queries.write_text(f'{{"id": "ok", "query": "return"}}\n{line}\n')
    done = shopbell("knowledge", "search", "--shop", shop, "--data", data, "--queries", queries)
    assert done.returncode == 1
    assert f"{queries}:2" in done.stderr
    assert "Traceback" not in done.stderr


def test_init_check_serve_is_a_way_without_stones(tmp_path):
    made = tmp_path / "my shop"
    done = shopbell("init", made)
    assert done.returncode == 0, done.stderr
    assert {f.name for f in made.iterdir()} >= {"site.yaml", "tools.yaml", "help"}
    before = {f: f.read_bytes() for f in made.rglob("*") if f.is_file()}
    assert shopbell("init", made).returncode in (0, 1)
    assert {f: f.read_bytes() for f in made.rglob("*") if f.is_file() and "__pycache__" not in f.parts} == before
    checked = shopbell("check", "--shop", made)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with Server(made, tmp_path / "data", demo=True) as server:
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("site.yaml", "key: pk_x\nname: X\norigins: [x\n", 4),
        ("site.yaml", "key: pk_x\nname: X\norigins: nowhere\n", 3),
        ("site.yaml", "name: X\n", 1),
        ("site.yaml", "key: pk_x\nname: X\nlimits:\n  turn_s: soon\n", 4),
        ("tools.yaml", "tools:\n  refund: {permission: maybe}\n", 2),
        ("plugin.py", "import this is wrong\n", 1),
        ("plugin.py", "def setup(kit):\n    kit.tools.add(undefined)\n", 2),
        ("help/a.md", "---\ntitle: [x\n---\n# A\n", 3),
    ],
)
def test_check_and_serve_name_the_file_and_line_of_what_is_wrong(tmp_path, file, text, line):
    shop = write_shop(tmp_path / "shop")
    (shop / file).write_text(text)
    done = shopbell("check", "--shop", shop)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f"{file}:{line}" in said or (line > 1 and f"{file}:{line - 1}" in said), said
    assert "Traceback" not in said


@pytest.mark.parametrize("article", [b"---\ntitle: [x\n---\n# A\n", b"# A\n\nGr\xfc\xdfe\n"])
def test_an_article_that_cannot_be_read_is_named_when_the_index_wants_it(tmp_path, article):
    shop = write_shop(tmp_path / "shop")
    (shop / "help" / "a.md").write_bytes(article)
    done = shopbell("knowledge", "sync", "--shop", shop, "--data", tmp_path / "data")
    assert (done.returncode, done.stdout) == (1, "")
    assert "help/a.md:3" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_shop_of_a_key_and_a_name_alone_is_served(tmp_path):
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "site.yaml").write_text("key: pk_b\nname: B\n")
    assert shopbell("check", "--shop", shop).returncode == 0
    with Server(shop, tmp_path / "data") as server:
        assert server.stop() == 0
    found = shopbell("knowledge", "search", "--shop", shop, "--data", tmp_path / "data", "--query", "x", "--json")
    assert json.loads(found.stdout) == {"id": "1", "hits": []}


def test_check_takes_the_contracts_own_examples(tmp_path):
    shop = write_shop(tmp_path / "shop")
    (shop / "site.yaml").write_text(
        "key: pk_x\nname: X\norigins: [https://shop.example]\ngreeting: Hi\ninstructions: be kind\nlocale: en\n"
        "reasoning: off\nidentity: {secret_env: NAME}\n"
        "limits: {model_calls_per_turn: 12, tool_calls_per_turn: 8, turn_s: 60, messages_per_minute: 30}\n"
        "retention_days: 30\ndemo: {customers: []}\n"
    )
    (shop / "tools.yaml").write_text(
        "tools:\n"
        "  refund: {permission: approve, auto_up_to: 50.00, per_customer_per_day: 100.00, per_site_per_day: 2000.00}\n"
        "  update_address: {permission: confirm}\n  delete_account: {permission: deny}\n"
    )
    done = shopbell("check", "--shop", shop)
    assert done.returncode == 0, done.stdout + done.stderr
    bare = write_shop(tmp_path / "bare")
    (bare / "site.yaml").write_text("key: pk_b\nname: B\n")
    assert shopbell("check", "--shop", bare).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "env", "status", "words"),
    [
        (["serve"], {}, 2, "no shop"),
        (["serve", "--shop", "/nowhere"], {}, 1, "no such directory"),
        (["check", "--shop", "/nowhere"], {}, 1, "no such directory"),
        (["serve", "--shop", ".", "--port", "70000"], {}, 2, "--port"),
        (["serve", "--nonsense"], {}, 2, "--nonsense"),
        (["nonsense"], {}, 2, "nonsense"),
        (["key", "add", "--site", "x"], {}, 2, "pk_"),
        (["key", "add"], {}, 2, "--site"),
        (["knowledge", "search", "--shop", "."], {}, 2, "--query"),
        (["restore", "--data", "/tmp", "/nowhere/file"], {}, 2, "/nowhere/file"),
        (["serve", "--shop", "{shop}"], {"SHOPBELL_PORT": "x"}, 1, "SHOPBELL_PORT"),
        (["serve", "--shop", "{shop}"], {"SHOPBELL_MODEL": "magic"}, 1, "SHOPBELL_MODEL"),
        (["serve", "--shop", "{shop}"], {"SHOPBELL_MODEL": "openai-like/x"}, 1, "SHOPBELL_MODEL_URL"),
        (["serve", "--shop", "{shop}", "--data", "{new}"], {"SHOPBELL_STORE": "postgresql://x/y"}, 1, "SHOPBELL_STORE"),
        (["serve", "--shop", "{shop}", "--data", "{new}"], {"SHOPBELL_BROKER": "redis://x"}, 1, "SHOPBELL_BROKER"),
        (["knowledge", "sync", "--shop", "{shop}", "--data", "{new}"], QDRANT, 1, "SHOPBELL_QDRANT"),
        (["serve", "--shop", "{shop}", "--data", "{shop}/site.yaml"], {}, 2, "--data"),
        (["backup", "--data", "{new}", "{new}.backup"], {}, 1, "log"),
        (["token", "--shop", "{shop}", "--customer", "c"], {}, 1, "TEST_SECRET"),
        (["staff", "add", "ada@example.com", "--data", "{new}"], {}, 2, "--password-stdin"),
        (["staff", "add", "ada", "--data", "{new}", "--password-stdin"], {}, 1, "e-mail"),
        (["staff", "add", "ada@example.com", "--data", "{new}", "--role", "boss"], {}, 2, "boss"),
        (["token", "--shop", "{shop}"], {}, 2, "--customer"),
    ],
)
def test_what_cannot_be_done_is_said_on_stderr_with_an_exit_status(shop, tmp_path, arguments, env, status, words):
    given = [a.format(shop=shop, new=tmp_path / "new") for a in arguments]
    done = shopbell(*given, **env)
    assert (done.returncode, done.stdout if "check" not in arguments else "") == (status, ""), done
    assert words in done.stderr + (done.stdout if "check" in arguments else "")
    assert "Traceback" not in done.stderr


def test_help_and_version_are_on_stdout():
    for arguments in (["--help"], ["-h"], ["serve", "--help"], ["knowledge", "search", "--help"], ["--version"]):
        done = shopbell(*arguments)
        assert done.returncode == 0
        assert done.stdout
    listed = shopbell("--help").stdout
    for command in [
        "serve",
        "init",
        "check",
        "knowledge",
        "route",
        "chat",
        "token",
        "key",
        "backup",
        "restore",
        "doctor",
        "staff",
        "export",
        "erase",
    ]:
        assert f"\n  {command} " in listed


def test_token_prints_one_jwt_and_nothing_else(shop):
    done = shopbell("token", "--shop", shop, "--customer", "c-1", "--email", "c@example.com", TEST_SECRET=SECRET)
    assert done.returncode == 0
    [line] = done.stdout.splitlines()
    assert line.count(".") == 2


def test_chat_answers_in_the_terminal(shop, data):
    done = shopbell("chat", "--shop", shop, "--data", data, stdin="How long do I have to return an item?\n")
    assert done.returncode == 0, done.stderr
    assert "30 days" in done.stdout


def test_doctor_says_what_is_there(shop, data):
    done = shopbell("doctor", "--shop", shop, "--data", data)
    assert done.returncode == 0, done.stdout
    assert "pk_test" in done.stdout
    assert SECRET not in shopbell("doctor", "--shop", shop, "--data", data, TEST_SECRET=SECRET).stdout


def test_serve_prints_one_line_whatever_the_plugin_prints_and_stops_with_status_0(tmp_path):
    plugin = 'print("hello from the plugin")\n\ndef setup(kit):\n    print("and from setup")\n'
    shop = write_shop(tmp_path / "shop", plugin=plugin)
    port = free_port()
    command = [sys.executable, "-m", "server.cli", "serve", "--data", str(tmp_path / "data"), "--port", str(port)]
    env = {k: v for k, v in os.environ.items() if not k.startswith("SHOPBELL_")} | {"SHOPBELL_SHOPS": str(shop)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env) as one:
        assert one.stdout.readline() == f"Shopbell is ready at http://127.0.0.1:{port}\n"
        taken = shopbell("serve", "--shop", shop, "--data", tmp_path / "other", "--port", port)
        assert taken.returncode == 1
        assert str(port) in taken.stderr
        assert taken.stdout == ""
        for arguments in (["knowledge", "search", "--query", "x"], ["route", "--query", "x"], ["knowledge", "sync"]):
            refused = shopbell(*arguments, "--shop", shop, "--data", tmp_path / "data")
            assert refused.returncode == 1
            assert "in use" in refused.stderr
        one.send_signal(signal.SIGTERM)
        out, err = one.communicate(timeout=60)
        assert (one.returncode, out) == (0, ""), err
        assert "hello from the plugin" in err
