"""What a good site.yaml becomes: origins, languages, hours, identity secrets."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from server.site import Hours, Site, normal_origin, text_for


def site(**fields: Any) -> Site:
    return Site.model_validate({"key": "pk_shop", "name": "Shop", **fields})


def test_key_and_name_are_all_that_is_required():
    small = site()
    assert (small.locale, small.reasoning, small.origins) == ("en", "steps", ())
    assert small.limits.model_calls_per_turn == 12
    assert small.limits.tool_calls_per_turn == 8
    assert small.limits.turn_s == 60
    assert small.limits.messages_per_minute == 30
    assert small.greeting_for("en").startswith("Hi!")
    assert small.greeting_for("de-AT").startswith("Hallo!")


def test_a_site_cannot_be_changed():
    with pytest.raises(ValidationError):
        site().name = "Other"


@pytest.mark.parametrize("key", ["pk_ab", "pk_" + "x" * 60, "pk_A-b_9"])
def test_good_keys(key):
    assert site(key=key).key == key


@pytest.mark.parametrize("key", ["pk_", "pk_" + "x" * 61, "sk_abc", "pk_a.b", "pk_ab\n", "pk_a/b", "PK_ab"])
def test_bad_keys(key):
    with pytest.raises(ValidationError):
        # Blanks around a value are stripped everywhere, so a line end is tried inside.
        site(key=key.replace("\n", "\nx"))


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://Shop.EXAMPLE", "https://shop.example"),
        ("HTTPS://shop.example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80/", "http://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_origins_are_normalised_as_browsers_send_them(given, normal):
    assert normal_origin(given) == normal
    assert site(origins=[given, normal]).origins == (normal,)
    assert site(origins=[given]).allows(normal)


@pytest.mark.parametrize(
    "bad",
    [
        "", "*", "null", "shop.example", "//shop.example", "https://", "https:///x", "https://*.shop.example",
        "https://shop.example/path", "https://shop.example?x", "https://shop.example#x", "https://u@shop.example",
        "https://u:p@shop.example", "https://shop.example:99999", "https://shop.example:", "file:///x",
        "javascript:alert(1)", "https://shop example", " https://shop.example", "https://shop.example\\@evil.example",
        "https://bücher.example", "chrome-extension://abc", "https://shop.example,https://b.example", "https://a;b",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(bad):
    if bad == "https://shop.example:":
        assert normal_origin(bad) == "https://shop.example"  # an empty port is the default one (RFC 3986 §3.2.3)
        return
    with pytest.raises(ValueError):
        normal_origin(bad)


@given(st.text(max_size=40))
def test_a_normal_origin_is_its_own_normal_form(text):
    try:
        normal = normal_origin(f"https://{text}")
    except ValueError:
        return
    assert normal_origin(normal) == normal
    assert normal == normal.lower()


def test_no_other_origin_is_allowed():
    shop = site(origins=["https://shop.example"])
    near = [
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "null",
        "",
        "https://shop.exampl",
    ]
    assert [shop.allows(origin) for origin in near] == [False] * len(near)


# Languages


@pytest.mark.parametrize(
    ("locale", "text"),
    [("de", "D"), ("de-AT", "A"), ("de-CH", "D"), ("DE", "D"), ("en-GB", "E"), ("fr", "E"), ("", "E")],
)
def test_a_text_is_found_by_locale_then_language_then_the_shops_own(locale, text):
    values = {"de": "D", "de-AT": "A", "en": "E"}
    assert text_for(values, locale, "en") == text


def test_a_text_without_languages_is_for_all_and_a_missing_one_falls_back_to_the_first():
    assert text_for("X", "fr") == "X"
    assert text_for({"it": "I"}, "fr", "en") == "I"


def test_the_theme_for_the_widget_is_in_one_language_and_has_only_what_is_set():
    shop = site(
        theme={"accent": "#2f6f4f", "title": {"en": "Help", "de": "Hilfe"}, "chips": {"en": ["a"], "de": ["b", "c"]}}
    )
    assert shop.theme_for("de") == {
        "accent": "#2f6f4f",
        "position": "right",
        "launcher": "bell",
        "dark": "auto",
        "title": "Hilfe",
        "chips": ["b", "c"],
    }
    assert site(theme={"chips": ["x"]}).chips_for("de") == ("x",)
    assert site().chips_for("en") == ()


# Identity


def test_secrets_come_from_the_environment_by_kid():
    identity = site(identity={"secret_env": "A", "secrets": {"k1": "B", "k2": "C"}}).identity
    assert identity.variables == ("A", "B", "C")
    assert identity.secrets_in({"A": "a", "B": "b", "C": ""}) == {None: "a", "k1": "b"}
    assert identity.secrets_in({}) == {}
    assert site().identity.variables == ()


# Hours


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


HOURS = Hours.model_validate(
    {
        "timezone": "Europe/Berlin",
        "weekly": {
            "mon-fri": ["09:00-12:00", "13:00-17:30"],
            "Friday": "09:00-12:00",
            "sat": "closed",
            "sun": "22:00-24:00",
        },
        "holidays": ["2026-12-25", {"date": "2026-12-31", "name": "New Year's Eve"}],
    }
)


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-11-23T08:00", True),  # a Monday, 09:00 in Berlin
        ("2026-11-23T07:59", False),
        ("2026-11-23T11:00", False),  # 12:00: the end is not in the span
        ("2026-11-23T10:59", True),
        ("2026-11-23T16:29", True),
        ("2026-11-23T16:30", False),
        ("2026-11-27T10:00", True),  # Friday morning
        ("2026-11-27T13:00", False),  # Friday's own entry stands above mon-fri
        ("2026-11-28T10:00", False),  # Saturday
        ("2026-11-29T22:30", True),  # Sunday 23:30
        ("2026-11-29T23:00", False),  # midnight
        ("2026-07-20T07:00", True),  # summer time
        ("2026-12-25T10:00", False),
        ("2026-12-31T10:00", False),
    ],
)
def test_hours_are_in_the_shops_own_time(now, is_open):
    assert HOURS.open_at(at(now)) is is_open


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-23T07:00", "2026-11-23T09:00+01:00"),
        ("2026-11-23T11:30", "2026-11-23T13:00+01:00"),
        ("2026-11-27T12:00", "2026-11-29T22:00+01:00"),
        ("2026-11-23T09:00", "2026-11-23T10:00+01:00"),  # open: now
        ("2026-12-24T20:00", "2026-12-27T22:00+01:00"),  # a holiday, Saturday closed, Sunday
    ],
)
def test_the_next_opening_skips_closed_days_and_holidays(now, opens):
    assert HOURS.next_open(at(now)).isoformat(timespec="minutes") == opens


def test_hours_without_any_open_day_never_open():
    assert Hours().next_open(at("2026-11-23T07:00")) is None
    assert not Hours().open_at(at("2026-11-23T07:00"))


@given(st.integers(1_767_000_000, 1_800_000_000).map(lambda second: datetime.fromtimestamp(second, UTC)))
def test_the_shop_is_open_when_it_is_said_to_open(now):
    opens = HOURS.next_open(now)
    assert opens is not None
    assert opens >= now
    assert HOURS.open_at(opens)
