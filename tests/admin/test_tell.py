"""What an audit says of each kind of event: never nothing, never an error, and nothing hidden."""

from typing import get_args

import pytest

from server.commands.tell import told
from server.events import Event, Kind


def event(kind, body):
    return Event("pk_one/c", 7, 1_795_250_000_000, "e:1", kind, "system", body, "t:1")


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("body", [{}, {"unknown": 1}], ids=["erased", "bare"])
def test_every_kind_is_told_whatever_is_missing(kind, body):
    first, *rest = told(event(kind, body))
    assert first.startswith("2026-11-21 08:33:20     7  system")
    assert all(line.startswith("      ") for line in rest)
    if not body and kind != "opened":
        assert first.endswith(f"{kind} (erased)")


def test_a_kind_of_a_later_version_is_shown_as_it_is():
    assert told(event("dreamed", {"of": "sheep\u202e"}))[0].endswith('dreamed {"of":"sheep⟨U+202E⟩"}')


def test_a_call_is_told_with_arguments_hash_verdict_decision_and_result():
    args = {"order_id": "1042", "amount": "62.00"}
    lines = [
        *told(event("call.planned", {"call": "call:1", "tool": "refund", "args": args, "replaces": "call:0"})),
        *told(
            event(
                "call.asked",
                {
                    "call": "call:1", "of": "staff", "why": "needs approval: 62.00 is over 50.00", "args_sha256": "ab12",
                    "policy": "p7", "caller": {"customer": "c-1", "level": "identified"}, "expires_ms": 1_795_260_000_000,
                },
            )
        ),
        *told(
            event(
                "call.decided",
                {"call": "call:1", "approve": True, "by": "staff", "name": "Ada", "comment": "ok", "args_sha256": "ab12"},
            )
        ),
        *told(event("call.started", {"call": "call:1", "attempt": 1, "booked": [["pk/day", 620000]], "why": "allowed"})),
        *told(event("call.ended", {"call": "call:1", "ok": True, "result": {"amount": "62.00"}, "ms": 41, "attempts": 2})),
    ]  # fmt: skip
    text = "\n".join(line.strip() for line in lines)
    for words in (
        'plans call:1: refund {"order_id":"1042","amount":"62.00"}',
        "in place of, edited by staff, call:0",
        "asks staff for consent to call:1: needs approval: 62.00 is over 50.00",
        "for customer c-1, level identified, until 2026-11-21 11:20:00",
        "arguments ab12, policy p7",
        "approved call:1 by staff Ada: ok",
        "starts call:1, attempt 1; verdict: allowed",
        "books 62.00 under pk/day",
        "call:1 succeeded, 41 ms, 2 attempts",
        'result {"amount":"62.00"}',
    ):
        assert words in text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"approve": False, "by": "system", "expired": True}, "expired call:1 by system"),
        ({"approve": False, "by": "customer"}, "refused call:1 by customer"),
    ],
)
def test_a_no_is_told_as_what_it_was(body, words):
    assert words in told(event("call.decided", {"call": "call:1"} | body))[0]


def test_an_unknown_outcome_is_told_as_such():
    assert "unknown outcome" in told(event("call.ended", {"call": "call:1", "ok": False, "unknown": True}))[0]


def test_what_a_code_was_sealed_with_is_not_told():
    body = {
        "call": "call:1",
        "to": "m…@e…",
        "expires_ms": 1,
        "nonce": "n0nce",
        "seal": "s3al",
        "email": "me@example.com",
    }
    [line] = told(event("verify.sent", body))
    assert "m…@e…" in line
    assert not [secret for secret in ("n0nce", "s3al", "me@example.com") if secret in line]
