"""Every mistake in site.yaml and tools.yaml is found, with its line and what was expected.

Each case is a broken file with the exact place and a part of the message.
"""

from pathlib import Path

import pytest

from server.site import Problem, Site, check, parse_yaml, read_rules, read_text

HEAD = "key: pk_shop\nname: Shop\n"

SITE = [
    # what stands in the file, line, column, part of the message
    ("", 1, 1, "the file is empty"),
    ("# only a comment\n", 1, 1, "the file is empty"),
    ("- a\n- b\n", 1, 1, "expected keys and values"),
    ("just words\n", 1, 1, "expected keys and values"),
    ("name: Shop\n", 1, 1, "the key `key` is missing"),
    ("key: pk_shop\n", 1, 1, "the key `name` is missing"),
    ("key: shop\nname: Shop\n", 1, 6, "key: expected a public key such as pk_myshop"),
    ("key: pk_a b\nname: Shop\n", 1, 6, "key: expected a public key such as pk_myshop"),
    ("key: pk_shop\nname: ''\n", 2, 7, "name: expected text of at least 1 character"),
    ("key: pk_shop\nname:\n", 2, 1, "name: expected text, got nothing"),
    ("key: pk_shop\nname: [a]\n", 2, 7, "name: expected text, got a list"),
    ("key: pk_shop\nname: true\n", 2, 7, "name: expected text, got true"),
    (HEAD + "greting: hi\n", 3, 1, "unknown key `greting`; did you mean `greeting`?"),
    (HEAD + "xyzzy: 1\n", 3, 1, "unknown key `xyzzy`; known are: key, name, origins"),
    (HEAD + "name: Other\n", 3, 1, "the key `name` is here twice; first in line 2"),
    (
        HEAD + "theme:\n  accent: '#123456'\n  accent: '#123457'\n",
        5,
        3,
        "`theme.accent` is here twice; first in line 4",
    ),
    (HEAD + "theme:\n  acent: '#123456'\n", 4, 3, "unknown key `theme.acent`; did you mean `accent`?"),
    (HEAD + "theme:\n  accent: green\n", 4, 11, "theme.accent: expected a colour such as #2f6f4f, got 'green'"),
    (HEAD + "theme:\n  accent: #2f6f4f\n", 4, 3, 'theme.accent: expected a colour such as "#2f6f4f" in quotes'),
    (HEAD + "theme:\n  radius: 99\n", 4, 11, "theme.radius: expected a number less than or equal to 32, got 99"),
    (HEAD + "theme:\n  radius: round\n", 4, 11, "theme.radius: expected a whole number, got 'round'"),
    (HEAD + "theme:\n  font: 'x; } body { color: red'\n", 4, 9, "theme.font: expected a CSS font list"),
    (HEAD + "theme:\n  logo: javascript:alert(1)\n", 4, 9, "theme.logo: expected a link"),
    (HEAD + "theme:\n  dark: night\n", 4, 9, "theme.dark: expected 'auto', 'light' or 'dark', got 'night'"),
    (HEAD + "theme:\n  chips: [a, b, c, d, e, f, g]\n", 4, 10, "theme.chips: expected at most 6 chips, got 7"),
    (HEAD + "theme:\n  chips: hello\n", 4, 10, "theme.chips: expected a list of texts"),
    (HEAD + "theme:\n  chips: {en: [a], xx!: [b]}\n", 4, 10, "theme.chips: expected a language tag"),
    (HEAD + "theme: dark\n", 3, 8, "theme: expected keys and values, got 'dark'"),
    (HEAD + "greeting: [a]\n", 3, 11, "greeting: expected text, or a map of language tag to text"),
    (HEAD + "greeting: {en: 3}\n", 3, 11, "greeting: expected text for en, got 3"),
    (HEAD + "locale: english!\n", 3, 9, "locale: expected a language tag such as en or de-AT"),
    (
        HEAD + "reasoning: step\n",
        3,
        12,
        "reasoning: expected 'off', 'steps' or 'full', got 'step'; did you mean `steps`?",
    ),
    (HEAD + "origins:\n  - https://a.example\n  - '*'\n", 5, 5, "origins[2]: expected an origin"),
    (HEAD + "origins:\n  - https://*.a.example\n", 4, 5, "a pattern would let in pages that are not yours"),
    (HEAD + "origins:\n  - https://a.example/shop\n", 4, 5, "an origin has no path"),
    (HEAD + "origins:\n  - a.example\n", 4, 5, "origins[1]: expected an origin such as https://shop.example"),
    (HEAD + "origins:\n  - ftp://a.example\n", 4, 5, "origins[1]: expected an origin"),
    (HEAD + "origins:\n  - https://me@a.example\n", 4, 5, "an origin has no path, query or user name"),
    (HEAD + "origins:\n  - https://a.example:port\n", 4, 5, "origins[1]: expected an origin"),
    (HEAD + "origins:\n  - https://bücher.example\n", 4, 5, "write international names as xn--"),
    (HEAD + "origins: https://a.example\n", 3, 10, "origins: expected a list, got 'https://a.example'"),
    (HEAD + "limits: {turn_s: long}\n", 3, 18, "limits.turn_s: expected a number, got 'long'"),
    (HEAD + "limits: {turn_s: .nan}\n", 3, 18, "limits.turn_s: expected a number"),
    (HEAD + "limits: {turn_s: 1e999}\n", 3, 18, "limits.turn_s: expected a number"),
    (HEAD + "limits: {turn_s: 0.5}\n", 3, 18, "limits.turn_s: expected a number greater than or equal to 1, got 0.5"),
    (
        HEAD + "limits: {model_calls_per_turn: 2.5}\n",
        3,
        32,
        "limits.model_calls_per_turn: expected a whole number, got 2.5",
    ),
    (HEAD + "limits: {model_call_per_turn: 3}\n", 3, 10, "did you mean `model_calls_per_turn`?"),
    (HEAD + "hours: {timezone: Europe/Brelin}\n", 3, 19, "hours.timezone: expected a time zone such as Europe/Berlin"),
    (
        HEAD + "hours:\n  weekly:\n    mon: 9-5\n",
        5,
        10,
        "hours.weekly.mon: expected a span such as 09:00-17:30, got '9-5'",
    ),
    (HEAD + "hours:\n  weekly:\n    mon: 17:00-09:00\n", 5, 10, "that ends after it starts"),
    (HEAD + "hours:\n  weekly:\n    moon: 09:00-17:00\n", 5, 5, "expected a day such as mon or monday"),
    (HEAD + "hours:\n  weekly:\n    fri-mon: 09:00-17:00\n", 5, 5, "in the order of the week"),
    (HEAD + "hours:\n  weekly: {mon: closed, monday: closed}\n", 4, 11, "expected each day once, got 'monday' again"),
    (HEAD + "hours:\n  holidays: [2026-12-25, 2026-13-01]\n", 4, 26, "hours.holidays[2]: expected a day such as"),
    (
        HEAD + "identity: {secret_env: my secret!}\n",
        3,
        24,
        "identity.secret_env: expected the name of an environment variable",
    ),
    (HEAD + "identity:\n  secrets: {k1: hunter-2}\n", 4, 17, "not the secret itself"),
    (HEAD + "contact: {email: nobody}\n", 3, 18, "contact.email: expected an e-mail address, got 'nobody'"),
    (HEAD + "contact: {phone: call us}\n", 3, 18, "contact.phone: expected a telephone number, got 'call us'"),
    (HEAD + "demo:\n  customers:\n    - name: Mara\n", 5, 7, "the key `demo.customers[1].id` is missing"),
    (HEAD + "demo:\n  customers:\n    - {id: 1, nam: Mara}\n", 5, 15, "did you mean `name`?"),
    (
        HEAD + "model: gpt-5\n",
        3,
        8,
        "model: expected offline, openai/NAME, anthropic/NAME or openai-like/NAME, got 'gpt-5'",
    ),
    (HEAD + "retention_days: forever\n", 3, 17, "retention_days: expected a whole number, got 'forever'"),
    (HEAD + "instructions: !!python/object:os.system ls\n", 3, 15, "expected a plain value, got the tag"),
    (HEAD + "theme: &t\n  title: *t\n", 3, 8, "an alias that contains itself"),
    (HEAD + "? [a, b]\n: c\n", 3, 3, "expected a name as key"),
    # no YAML at all
    (HEAD + "theme:\n\taccent: x\n", 4, 1, "a tab where YAML wants spaces"),
    (HEAD + "theme:\n  accent: x\n   radius: 3\n", 5, 10, "wrong indentation"),
    (HEAD + "theme:\n    accent: x\n  radius: 3\n", 5, 3, "wrong indentation"),
    (HEAD + " locale: en\n", 3, 8, "wrong indentation"),
    (HEAD + "greeting: Hi: there\n", 3, 13, "put the text in quotes"),
    (HEAD + "greeting: 'Hi\n", 4, 1, "a quote, bracket or brace is not closed"),
    (HEAD + "origins: [a, b\nlocale: en\n", 4, 7, "a bracket or brace is not closed"),
    (HEAD + "greeting\nlocale: en\n", 3, 1, "a `:` is missing"),
    (HEAD + "greeting: *hi*\n", 3, 11, "put text that begins with `*` in quotes"),
    (HEAD + "---\nlocale: en\n", 3, 1, "expected one document"),
    (HEAD + "greeting: a\x00b\n", 3, 12, "a character that YAML does not allow"),
    (HEAD + "greeting: @home\n", 3, 11, "not valid YAML"),
]


def problems_of(text: str) -> tuple[Site | None, list[Problem]]:
    problems: list[Problem] = []
    document = parse_yaml(text, Path("site.yaml"), problems)
    return (check(Site, document, problems) if document else None), problems


@pytest.mark.parametrize(("text", "line", "column", "message"), SITE, ids=[repr(case[0][-30:]) for case in SITE])
def test_a_broken_site_yaml_is_reported_with_its_place(text, line, column, message):
    _, problems = problems_of(text)
    said = "\n".join(str(problem) for problem in problems)
    assert any(
        (problem.line, problem.column) == (line, column) and message in problem.message for problem in problems
    ), f"expected {line}:{column} {message!r} in:\n{said}"
    assert all(problem.severity == "error" for problem in problems)


def test_all_mistakes_are_reported_at_once_and_in_order():
    text = (
        HEAD + "theem: 1\nlocale: '?'\nlimits:\n  turn_s: x\n  foo: 1\norigins: ['*', 'https://a.example', ftp://b]\n"
    )
    _, problems = problems_of(text)
    assert [problem.line for problem in sorted(problems)] == [3, 4, 6, 7, 8, 8]


def test_aliases_that_stand_for_billions_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    _, problems = problems_of("\n".join(lines) + "\n")
    assert any("expected at most 100,000 values" in problem.message for problem in problems)


def test_endless_nesting_is_refused():
    _, (problem,) = problems_of("a: " + "[" * 3_000)
    assert "nested too deeply" in problem.message


def test_a_missing_key_and_an_unknown_one_are_two_problems():
    _, problems = problems_of("key: pk_shop\nnme: Shop\n")
    assert sorted(problem.message for problem in problems) == [
        "the key `name` is missing",
        "unknown key `nme`; did you mean `name`?",
    ]


def test_a_problem_prints_as_compilers_print_it():
    problem = Problem(Path("shop/site.yaml"), 3, 7, "error", "expected a, got b")
    assert str(problem) == "shop/site.yaml:3:7: error: expected a, got b"


@pytest.mark.parametrize(
    ("raw", "line", "column", "message"),
    [
        (b"key: pk_shop\nname: Caf\xe9\n", 2, 10, "expected UTF-8, got the byte 0xe9"),
        ("key: pk_shop\nname: Ä".encode("utf-16"), 1, 1, "expected UTF-8"),
        (b"x" * 1_000_001, 1, 1, "expected at most 1,000,000 bytes"),
        (None, 1, 1, "cannot be read"),
    ],
    ids=["latin-1", "utf-16", "huge", "missing"],
)
def test_a_file_that_is_no_text_is_reported(tmp_path, raw, line, column, message):
    file = tmp_path / "site.yaml"
    if raw is not None:
        file.write_bytes(raw)
    problems: list[Problem] = []
    assert read_text(file, problems) is None
    (problem,) = problems
    assert (problem.file, problem.line, problem.column) == (file, line, column)
    assert message in problem.message


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_bytes(b"\xef\xbb\xbfkey: pk_shop\r\nname: Shop\r\nnope: 1\r\n")
    problems: list[Problem] = []
    text = read_text(file, problems)
    assert text is not None
    site, found = problems_of(text)
    assert [(problem.line, problem.column) for problem in found] == [(3, 1)]
    assert site is None


TOOLS = [
    ("tools:\n  refund: {auto_up_to: .inf}\n", 2, 24, "tools.refund.auto_up_to: expected a finite number"),
    (
        "tools:\n  refund: {permission: yes}\n",
        2,
        24,
        "tools.refund.permission: expected 'auto', 'confirm', 'approve' or 'deny'",
    ),
    ("tools:\n  refund: {permission: aprove}\n", 2, 24, "did you mean `approve`?"),
    (
        "tools:\n  refund: {permision: auto}\n",
        2,
        12,
        "unknown key `tools.refund.permision`; did you mean `permission`?",
    ),
    ("tools:\n  refund: {auto_up_to: fifty}\n", 2, 24, "tools.refund.auto_up_to: expected a number, got 'fifty'"),
    (
        "tools:\n  refund: {auto_up_to: -1}\n",
        2,
        24,
        "tools.refund.auto_up_to: expected a number greater than or equal to 0",
    ),
    ("tools:\n  refund: {needs: vip}\n", 2, 19, "tools.refund.needs: expected 'anonymous', 'identified' or 'step_up'"),
    ("tools:\n  refund: {enabled: maybe}\n", 2, 21, "tools.refund.enabled: expected true or false, got 'maybe'"),
    ("tools:\n  refund: auto\n", 2, 11, "tools.refund: expected a rule such as {permission: confirm}, got 'auto'"),
    ("tools:\n  refund:\n  other: {permission: auto}\n", 2, 3, "tools.refund: expected a rule"),
    ("tools:\n  refund: {permission: auto}\n  refund: {permission: deny}\n", 3, 3, "`tools.refund` is here twice"),
    ("tools: [refund]\n", 1, 8, "tools: expected a rule for each tool's name"),
    ("tool:\n  refund: {permission: auto}\n", 1, 1, "unknown key `tool`; known are: tools"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), TOOLS, ids=[case[0][:40] for case in TOOLS])
def test_a_broken_tools_yaml_is_reported_with_its_place(tmp_path, text, line, column, message):
    file = tmp_path / "tools.yaml"
    file.write_text(text)
    problems: list[Problem] = []
    read_rules(file, problems)
    (problem,) = problems
    assert (problem.line, problem.column) == (line, column), str(problem)
    assert message in problem.message


def test_a_broken_rule_denies_and_leaves_the_others_alone(tmp_path):
    file = tmp_path / "tools.yaml"
    file.write_text("tools:\n  a: {permission: sure}\n  b: {permission: confirm, auto_up_to: 50.00}\n  c: 3\n")
    problems: list[Problem] = []
    rules, _ = read_rules(file, problems)
    assert {name: rule.permission for name, rule in rules.items()} == {"a": "deny", "b": "confirm", "c": "deny"}
    assert str(rules["b"].auto_up_to) == "50.00"
    assert len(problems) == 2


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n\n", "tools:\n", "tools: {}\n"])
def test_no_rules_at_all_are_fine(tmp_path, text):
    file = tmp_path / "tools.yaml"
    if text is not None:
        file.write_text(text)
    problems: list[Problem] = []
    assert (read_rules(file, problems)[0], problems) == ({}, [])
