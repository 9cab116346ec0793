"""Tokens, identities and origins: what is refused, and that what is good is not."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.auth import (
    IDENTITY_TTL_S,
    TOKEN_TTL_S,
    Identity,
    Refused,
    VisitorToken,
    mint,
    needs_renewal,
    read,
    sign_hmac,
    sign_identity,
    verify_identity,
    weak_secret,
)

NOW = 1_800_000_000
SERVER = "s" * 40
SHOP = "merchant-secret-merchant-secret-1"
SITE = "pk_a"
DAY = 86_400


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jws(claims, key=SHOP, header=None, digest=hashlib.sha256):
    """Any token anybody could write, right or wrong."""
    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = f"{b64(json.dumps(head).encode())}.{b64(body)}"
    return f"{signed}.{b64(hmac.new(key.encode(), signed.encode(), digest).digest())}"


def claims(**changed):
    whole = {"sub": "c1", "aud": SITE, "exp": NOW + 600, "email": "a@b.example", "name": "Ann"} | changed
    return {name: value for name, value in whole.items() if value is not ...}


def visitor(**changed):
    return VisitorToken(
        **{"site": SITE, "conversation": "conv", "customer": None, "generation": 0, "expires_s": 0, **changed}
    )


def verified(identity, *, site=SITE, secrets=None, now=NOW):
    return verify_identity(identity, site_key=site, secrets=secrets or {None: SHOP}, now_s=now)


# --- visitor tokens

texts = st.text(max_size=40)


@given(texts, texts, st.none() | texts, st.integers(0, 2**31), st.integers(0, 2**33))
def test_a_token_says_what_was_put_in(site, conversation, customer, generation, now):
    token = read(SERVER, mint(SERVER, VisitorToken(site, conversation, customer, generation, 0), now), now)
    assert token == VisitorToken(site, conversation, customer, generation, now + TOKEN_TTL_S)


def test_a_token_lasts_thirty_days_and_is_renewed_after_one():
    text = mint(SERVER, visitor(), NOW)
    token = read(SERVER, text, NOW + TOKEN_TTL_S - 1)
    assert not needs_renewal(token, NOW + DAY)
    assert needs_renewal(token, NOW + DAY + 1)
    with pytest.raises(Refused, match="expired"):
        read(SERVER, text, NOW + TOKEN_TTL_S)


@given(st.data())
def test_a_token_changed_anywhere_is_refused(data):
    text = mint(SERVER, visitor(customer="c1"), NOW)
    at = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.sampled_from("ABCxyz019-_.=+/ \n\u00e9\ud800").filter(lambda char: char != text[at]))
    with pytest.raises(Refused):
        read(SERVER, text[:at] + char + text[at + 1 :], NOW)


VISITOR_KEY = hmac.new(SERVER.encode(), b"shopbell visitor token v1", hashlib.sha256).hexdigest()
VISITOR = {"aud": "shopbell-visitor", "site": SITE, "con": "conv", "cus": None, "gen": 0, "exp": NOW + 60}
VISITOR_HEAD = {"alg": "HS256", "typ": "shopbell-visitor"}


def forged(header=None, key=VISITOR_KEY, **changed):
    body = {name: value for name, value in (VISITOR | changed).items() if value is not ...}
    return jws(body, key, VISITOR_HEAD | (header or {}))


def test_the_forger_of_the_table_can_make_a_good_token():
    assert read(SERVER, forged(), NOW) == visitor(expires_s=NOW + 60)


GOOD = mint(SERVER, visitor(), NOW)
BAD_TOKENS = {
    "nothing": "",
    "a word": "token",
    "two parts": ".".join(GOOD.split(".")[:2]),
    "four parts": GOOD + ".x",
    "no signature": GOOD.rsplit(".", 1)[0] + ".",
    "padding": GOOD + "=",
    "a line end": GOOD + "\n",
    "a space before": " " + GOOD,
    "half a signature": GOOD[:-20],
    "swapped signature": GOOD.rsplit(".", 1)[0]
    + "."
    + mint(SERVER, visitor(conversation="other"), NOW).rsplit(".", 1)[1],
    "very long": GOOD.replace(".", "." + "A" * 5000, 1),
    "surrogates": "\ud800.\ud800.\ud800",
    "another server": mint("t" * 40, visitor(), NOW),
    "the secret itself as key": forged(key=SERVER),
    "alg none": forged({"alg": "none"}),
    "alg None, unsigned": forged({"alg": "None"}).rsplit(".", 1)[0] + ".",
    "alg missing": jws(VISITOR, VISITOR_KEY, {"typ": "shopbell-visitor"}),
    "alg HS384": jws(VISITOR, VISITOR_KEY, VISITOR_HEAD | {"alg": "HS384"}, hashlib.sha384),
    "alg HS512 named only": forged({"alg": "HS512"}),
    "alg RS256": forged({"alg": "RS256"}),
    "crit": forged({"crit": ["exp"], "exp": 1}),
    "b64 false": forged({"b64": False, "crit": ["b64"]}),
    "typ JWT": forged({"typ": "JWT"}),
    "aud of a site": forged(aud=SITE),
    "aud list": forged(aud=["shopbell-visitor"]),
    "expired": forged(exp=NOW),
    "expired long ago": forged(exp=0),
    "exp text": forged(exp=str(NOW + 60)),
    "exp missing": forged(exp=...),
    "exp true": forged(exp=True),
    "exp float": forged(exp=NOW + 0.5),
    "no site": forged(site=...),
    "site number": forged(site=1),
    "no conversation": forged(con=...),
    "customer list": forged(cus=["c1"]),
    "generation text": forged(gen="0"),
    "generation true": forged(gen=True),
    "claims are a list": jws(b"[]", VISITOR_KEY, VISITOR_HEAD),
    "claims are no JSON": jws(b"{", VISITOR_KEY, VISITOR_HEAD),
    "claims hold NaN": jws(b'{"exp": NaN}', VISITOR_KEY, VISITOR_HEAD),
    "claims are nested deeply": jws(b"[" * 1500, VISITOR_KEY, VISITOR_HEAD),
    "an identity": sign_identity(SHOP, Identity("c1", None, None, NOW + 60), site_key=SITE, now_s=NOW),
    "an identity by the server's secret": jws(claims(), SERVER),
    "a number": 5,
    "null": None,
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_bad_visitor_token_is_refused(name):
    with pytest.raises(Refused) as caught:
        read(SERVER, BAD_TOKENS[name], NOW)
    assert (caught.value.code, caught.value.close) == ("bad_token", 4502)
    assert SERVER not in caught.value.message


def test_without_a_secret_nothing_is_signed():
    for act in (lambda: mint("", visitor(), NOW), lambda: read("", GOOD, NOW)):
        with pytest.raises(ValueError, match="empty"):
            act()


# --- identities

customers = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=100)


@given(customers, st.none() | customers, st.none() | customers, st.integers(1, IDENTITY_TTL_S), st.none() | customers)
def test_an_identity_says_what_the_merchant_signed(customer, email, name, ttl, kid):
    identity = Identity(customer, email, name, NOW + ttl)
    text = sign_identity(SHOP, identity, site_key=SITE, now_s=NOW, kid=kid)
    assert verified(text, secrets={kid: SHOP, "other": "x" * 32}) == identity


@given(customers, st.just("") | customers, st.integers(-60, IDENTITY_TTL_S - 1), st.booleans())
def test_a_theme_hmac_says_what_the_merchant_signed(customer, email, age, number):
    signed = sign_hmac(SHOP, customer=customer, email=email, at=NOW - age)
    if number:
        signed = {**signed, "at": int(signed["at"])}
    assert verified(signed) == Identity(customer, email or None, None, NOW - age + IDENTITY_TTL_S)


def test_the_hmac_is_the_one_of_the_contract():
    digest = hmac.new(SHOP.encode(), f"c1\na@b.example\n{NOW}".encode(), "sha256").hexdigest()
    assert sign_hmac(SHOP, customer="c1", email="a@b.example", at=NOW)["hmac"] == digest
    assert verified({"customer": "c1", "email": "a@b.example", "at": NOW, "hmac": digest.upper()}).customer == "c1"


@pytest.mark.parametrize(
    "good",
    [
        claims(),
        claims(aud=[SITE]),
        claims(aud=["pk_b", SITE]),
        claims(exp=NOW + 3600),
        claims(exp=NOW + 3659),
        claims(exp=NOW + 0.5),
        claims(email=None, name=None),
        claims(email=..., name=...),
        claims(nbf=NOW + 59, iat=NOW + 59),
        claims(more={"x": 1}),
    ],
)
def test_the_forger_of_the_table_can_make_good_identities(good):
    assert verified(jws(good)).customer == "c1"


def test_secrets_can_be_changed_while_old_pages_are_open():
    secrets = {"new": "n" * 32, "old": SHOP}
    assert verified(jws(claims()), secrets=secrets).customer == "c1"
    assert verified(sign_hmac(SHOP, customer="c1", email="", at=NOW), secrets=secrets).customer == "c1"
    with pytest.raises(Refused):
        verified(jws(claims(), header={"alg": "HS256", "kid": "new"}), secrets=secrets)


HMAC = sign_hmac(SHOP, customer="c1", email="a@b.example", at=NOW)


def hmaced(**changed):
    return {name: value for name, value in (HMAC | changed).items() if value is not ...}


BAD_IDENTITIES = {
    "nothing": "",
    "a word": "c1",
    "wrong key": jws(claims(), "x" * 32),
    "empty key": jws(claims(), ""),
    "alg none": jws(claims(), header={"alg": "none"}),
    "unsigned": jws(claims(), header={"alg": "none"}).rsplit(".", 1)[0] + ".",
    "alg HS384": jws(claims(), header={"alg": "HS384"}, digest=hashlib.sha384),
    "alg HS512": jws(claims(), header={"alg": "HS512"}, digest=hashlib.sha512),
    "alg RS256 with the secret as key": jws(claims(), header={"alg": "RS256"}),
    "alg hs256": jws(claims(), header={"alg": "hs256"}),
    "alg missing": jws(claims(), header={"typ": "JWT"}),
    "kid unknown": jws(claims(), header={"alg": "HS256", "kid": "nobody"}),
    "kid number": jws(claims(), header={"alg": "HS256", "kid": 1}),
    "no sub": jws(claims(sub=...)),
    "sub null": jws(claims(sub=None)),
    "sub empty": jws(claims(sub="")),
    "sub number": jws(claims(sub=1)),
    "sub list": jws(claims(sub=["c1"])),
    "sub with a line end": jws(claims(sub="c1\nc2")),
    "sub with a zero": jws(claims(sub="c1\0")),
    "sub too long": jws(claims(sub="c" * 201)),
    "no aud": jws(claims(aud=...)),
    "other aud": jws(claims(aud="pk_b")),
    "aud begins alike": jws(claims(aud="pk_a2")),
    "other aud list": jws(claims(aud=["pk_b", "pk_c"])),
    "aud list with a number": jws(claims(aud=[SITE, 1])),
    "aud empty list": jws(claims(aud=[])),
    "aud object": jws(claims(aud={SITE: 1})),
    "no exp": jws(claims(exp=...)),
    "exp now": jws(claims(exp=NOW)),
    "expired": jws(claims(exp=NOW - 1)),
    "exp over an hour": jws(claims(exp=NOW + 3661)),
    "exp next year": jws(claims(exp=NOW + 365 * DAY)),
    "exp text": jws(claims(exp=str(NOW + 60))),
    "exp true": jws(claims(exp=True)),
    "exp infinite": jws(b'{"sub":"c1","aud":"pk_a","exp":1e999}'),
    "nbf later": jws(claims(nbf=NOW + 61)),
    "nbf text": jws(claims(nbf="now")),
    "iat later": jws(claims(iat=NOW + 3600)),
    "email number": jws(claims(email=5)),
    "email with a line end": jws(claims(email="a\nb")),
    "email too long": jws(claims(email="e" * 321)),
    "name list": jws(claims(name=["Ann"])),
    "claims are a list": jws(b"[1]"),
    "claims are no JSON": jws(b"sub=c1"),
    "very long": jws(claims(pad="x" * 5000)),
    "a visitor token": GOOD,
    "a visitor token by the shop's secret": mint(SHOP, visitor(customer="c1"), NOW),
    "hmac: nothing": {},
    "hmac: wrong": hmaced(hmac="0" * 64),
    "hmac: other secret": sign_hmac("x" * 32, customer="c1", email="a@b.example", at=NOW),
    "hmac: short": hmaced(hmac=HMAC["hmac"][:63]),
    "hmac: not hex": hmaced(hmac="g" * 64),
    "hmac: bytes": hmaced(hmac=b"0" * 64),
    "hmac: missing": hmaced(hmac=...),
    "hmac: at missing": hmaced(at=...),
    "hmac: email missing": hmaced(email=...),
    "hmac: email null": hmaced(email=None),
    "hmac: unsigned name": hmaced(name="Ann"),
    "hmac: other customer": hmaced(customer="c2"),
    "hmac: other email": hmaced(email="c@d.example"),
    "hmac: at shifted": hmaced(at=str(NOW + 1)),
    "hmac: at with a zero before": hmaced(at="0" + HMAC["at"]),
    "hmac: at float": hmaced(at=float(NOW)),
    "hmac: at true": sign_hmac(SHOP, customer="c1", email="", at=True) | {"at": True},
    "hmac: at with a space": sign_hmac(SHOP, customer="c1", email="", at=f"{NOW} "),
    "hmac: at in other digits": sign_hmac(SHOP, customer="c1", email="", at="١٨٠٠٠٠٠٠٠٠"),
    "hmac: an hour old": sign_hmac(SHOP, customer="c1", email="", at=NOW - 3600),
    "hmac: from the future": sign_hmac(SHOP, customer="c1", email="", at=NOW + 61),
    "hmac: no customer": sign_hmac(SHOP, customer="", email="a@b.example", at=NOW),
    "hmac: customer shifted into email": hmaced(customer="c1\na@b.example", email=""),
    "hmac: line end signed": sign_hmac(SHOP, customer="c1\nx", email="", at=NOW),
    "hmac: line end in email signed": sign_hmac(SHOP, customer="c1", email="x\n1", at=NOW),
    "hmac: customer number": hmaced(customer=1),
    "hmac: customer with surrogates": hmaced(customer="\ud800"),
    "hmac: customer too long": sign_hmac(SHOP, customer="c" * 201, email="", at=NOW),
    "a list": [HMAC],
    "a number": 5,
    "null": None,
}


@pytest.mark.parametrize("name", BAD_IDENTITIES)
def test_a_bad_identity_is_refused(name):
    with pytest.raises(Refused) as caught:
        verified(BAD_IDENTITIES[name])
    assert (caught.value.code, caught.value.close) == ("bad_token", 4502)
    assert SHOP not in caught.value.message


@pytest.mark.parametrize("secrets", [{None: ""}, {"k": ""}])
def test_a_site_without_a_secret_believes_nobody(secrets):
    for identity in (jws(claims(), ""), sign_hmac("", customer="c1", email="", at=NOW)):
        with pytest.raises(Refused, match="no identity secret"):
            verified(identity, secrets=secrets)


@pytest.mark.parametrize(
    ("secret", "until", "customer"),
    [("", 60, "c1"), (SHOP, 3601, "c1"), (SHOP, 0, "c1"), (SHOP, 60, ""), (SHOP, 60, "a\nb")],
)
def test_nothing_is_signed_that_would_be_refused(secret, until, customer):
    with pytest.raises(ValueError):
        sign_identity(secret, Identity(customer, None, None, NOW + until), site_key=SITE, now_s=NOW)


def test_weak_secrets_are_told_and_strong_ones_are_not():
    assert weak_secret(hashlib.sha256(b"x").hexdigest()) is None
    assert weak_secret(SHOP) is None
    for weak in (
        "",
        "secret",
        "a" * 64,
        "ab" * 32,
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ\n-----END PUBLIC KEY-----\n",
    ):
        assert weak_secret(weak)
    assert "merchant" not in (weak_secret("merchant") or "")


# --- origins
