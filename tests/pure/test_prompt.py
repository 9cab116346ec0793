"""The rules that language models get: their version, their order, and what each specialist adds."""

import hashlib

from server import prompt
from server.prompt import Voice, rules_text
from server.site import Site, Specialist

SITE = Site.model_validate({"key": "pk_a", "name": "Shop"})
ORDERS = Specialist.model_validate({"name": "orders", "purpose": "Orders.", "instructions": "Name the order."})

KNOWN = {
    "2": "b8f3ca3dc1144248ac2ac92afc1d8423f66a60757b64b5f2ec920e5b92e64fba",
}
"""SHA-256 of the rules by their version: whoever changes a word of them gives them another version."""


def test_the_version_changes_whenever_the_rules_do():
    text = rules_text(Voice(SITE, "Be kind.", (), ORDERS))
    assert hashlib.sha256(text.encode()).hexdigest() == KNOWN[prompt.VERSION]


def test_a_specialists_part_comes_last_so_that_all_agents_share_what_is_before():
    shared = rules_text(Voice(SITE, "Be kind.", ()))
    own = rules_text(Voice(SITE, "Be kind.", (), ORDERS))
    assert own.startswith(shared)
    assert own.rstrip().endswith("Name the order.")
    assert shared.rstrip().endswith("Be kind.")


def test_a_shop_that_answers_in_some_languages_only_says_so_to_the_model():
    some = Site.model_validate({"key": "pk_a", "name": "Shop", "languages": ["en", "de"]})
    assert "these languages only: en, de" in rules_text(Voice(some, "", ()))
    assert "languages only" not in rules_text(Voice(SITE, "", ()))


def test_what_the_passages_answer_needs_no_tool():
    assert "without any tool" in rules_text(Voice(SITE, "", ()))
