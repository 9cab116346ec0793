"""Which pages may show a chat: origins are compared exactly."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.auth import (
    Identity,
    Origins,
    Refused,
    origin_of,
    sign_hmac,
    sign_identity,
)
from tests.auth.test_auth import NOW, SHOP, SITE, claims, jws, verified

SITES = {
    "pk_a": ["https://a.example", "https://shop.a.example:8443", "http://localhost:3000"],
    "pk_b": ["https://b.example", "https://shared.example"],
    "pk_c": ["https://shared.example", "https://[::1]:8443", "https://xn--mller-kva.example"],
}
ORIGINS = {
    "https://a.example": {"pk_a"},
    "https://A.Example": {"pk_a"},
    "HTTPS://a.example": {"pk_a"},
    "https://a.example:443": {"pk_a"},
    "https://shop.a.example:8443": {"pk_a"},
    "http://localhost:3000": {"pk_a"},
    "https://b.example": {"pk_b"},
    "https://shared.example": {"pk_b", "pk_c"},
    "https://[::1]:8443": {"pk_c"},
    "https://[0:0::1]:8443": {"pk_c"},
    "https://xn--mller-kva.example": {"pk_c"},
    **dict.fromkeys(
        [
            None, "", "null", "NULL", "*", "https://*", "https://", "http://a.example", "https://a.example:8443",
            "https://a.example:80", "https://a.example:0", "https://a.example:99999", "https://a.example:", "https://a.example/",
            "https://a.example/path", "https://a.example?x", "https://a.example#x", "https://a.example.", "https://a.example.evil.example",
            "https://evil-a.example", "https://www.a.example", "https://example", "https://user@a.example", "https://a.example@evil.example",
            "https://a.example%00", "https://a.example\n", " https://a.example", "https://a.example https://b.example",
            "https://a.example,https://b.example", "https://a..example", "https://а.example", "https://müller.example",
            "https://a。example", "a.example", "//a.example", "wss://a.example", "file://", "chrome-extension://abcdef",
            "https://shop.a.example", "http://localhost", "http://127.0.0.1:3000", "https://[::1]", "https://[::2]:8443",
            "https://[::1", "https://256.1.1.1", "https://" + "a" * 300 + ".example",
        ],
        frozenset(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_opens_exactly_the_sites_that_list_it(origin, site):
    origins = Origins(SITES)
    assert origins.sites(origin) == ORIGINS[origin]
    if site in ORIGINS[origin]:
        origins.check(origin, site)
    else:
        with pytest.raises(Refused) as caught:
            origins.check(origin, site)
        assert (caught.value.code, caught.value.close) == ("forbidden_origin", 4502)


def test_the_servers_own_origin_counts_for_the_demo_site_only():
    own = "http://127.0.0.1:8000"
    assert Origins(SITES).sites(own) == frozenset()
    assert Origins(SITES, own=[own], own_sites=["pk_a"]).sites(own) == {"pk_a"}


def test_a_configured_origin_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="pk_a"):
        Origins({"pk_a": ["https://a.example/shop"]})


@given(st.text(max_size=40))
def test_whatever_is_an_origin_is_one_in_its_normal_form(text):
    normal = origin_of(text) or origin_of(f"https://{text}")
    if normal is not None:
        assert origin_of(normal) == normal


def test_the_test_vector_of_the_documentation_is_right():
    page = (Path(__file__).parents[2] / "docs" / "identity.md").read_text(encoding="utf-8")
    assert (
        sign_hmac("merchant-secret-merchant-secret-1", customer="c1", email="a@b.example", at=1_800_000_000)["hmac"]
        in page
    )


def test_tags_are_words_that_the_shop_signs_and_anything_else_of_that_name_is_passed_over():
    signed = sign_identity(SHOP, Identity("c1", None, None, NOW + 60, ("vip", "new-2")), site_key=SITE, now_s=NOW)
    assert verified(signed).tags == ("vip", "new-2")
    assert verified(jws(claims(tags=["vip", 3, "a b", "<x>", "", "x" * 41]))).tags == ("vip",)
    for other in ("vip", {"vip": True}, None, 7):
        assert verified(jws(claims(tags=other))).tags == ()
    assert len(verified(jws(claims(tags=[f"t{n}" for n in range(50)]))).tags) == 20
