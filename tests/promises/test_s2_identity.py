"""S2: nobody becomes somebody else.

Bad tokens and identities over real sockets: each is refused with `bad_token` and 4502, and never opens a conversation.
"""

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest

from tests.promises.visitor import PROVE, Lost, Visitor, record
from tests.serving import SECRET, Server, write_shop

pytestmark = pytest.mark.prove

OTHER = "another-secret-another-secret-another-secret"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("s2")
    script = root / "script.json"
    script.write_text(json.dumps({"rules": [{"match": ".", "steps": [{"text": "Hi."}]}]}))
    shops = [
        write_shop(root / "one"),
        write_shop(root / "two", key="pk_two", site={"identity": {"secret_env": "TWO_SECRET"}}),
    ]
    with Server(shops, root / "data", SHOPBELL_MODEL=f"scripted:{script}", TWO_SECRET=OTHER) as running:
        yield running


def b64(data):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(key=SECRET, header=None, **claims):
    now = int(time.time())
    body = {"sub": "cust-1", "aud": "pk_test", "exp": now + 600} | claims
    body = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(body, key, "HS256", headers=header)


def by_hand(header, claims, key=SECRET, digest=hashlib.sha256):
    text = f"{b64(header)}.{b64(claims)}"
    return f"{text}.{b64(hmac.new(key.encode(), text.encode(), digest).digest())}"


def themed(customer="cust-1", email="a@b.example", at=None, key=SECRET, **change):
    at = str(int(time.time()) if at is None else at)
    seal = hmac.new(key.encode(), f"{customer}\n{email}\n{at}".encode(), hashlib.sha256).hexdigest()
    return {"customer": customer, "email": email, "at": at, "hmac": seal} | change


def bad_identities():
    now = int(time.time())
    good = {"sub": "cust-1", "aud": "pk_test", "exp": now + 600}
    head, body, seal = signed().split(".")
    return {
        "alg none": f"{b64({'alg': 'none', 'typ': 'JWT'})}.{b64(good)}.",
        "alg none, signed": by_hand({"alg": "none"}, good),
        "alg None": by_hand({"alg": "None"}, good),
        "alg HS384": by_hand({"alg": "HS384"}, good, digest=hashlib.sha384),
        "alg HS512": by_hand({"alg": "HS512"}, good, digest=hashlib.sha512),
        "alg RS256 with our key": by_hand({"alg": "RS256"}, good),
        "no alg": by_hand({"typ": "JWT"}, good),
        "wrong key": signed(OTHER),
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "five parts": f"{head}.{body}.{seal}.{seal}.{seal}",
        "signature of another body": f"{head}.{b64(good | {'sub': 'cust-2'})}.{seal}",
        "signature one character off": f"{head}.{body}.{'A' if seal[0] != 'A' else 'B'}{seal[1:]}",
        "padded": f"{head}.{body}.{seal}=",
        "a space before": f" {head}.{body}.{seal}",
        "a line end behind": f"{head}.{body}.{seal}\n",
        "expired": signed(exp=now - 1),
        "no exp": signed(exp=None),
        "exp as text": by_hand({"alg": "HS256"}, good | {"exp": str(now + 600)}),
        "exp true": by_hand({"alg": "HS256"}, good | {"exp": True}),
        "more than an hour": signed(exp=now + 3_600 + 120),
        "ten years": signed(exp=now + 315_360_000),
        "not yet": signed(nbf=now + 600),
        "issued tomorrow": signed(iat=now + 86_400),
        "another site": signed(aud="pk_two"),
        "no aud": signed(aud=None),
        "aud of nobody": signed(aud=""),
        "other site's key and aud": signed(OTHER, aud="pk_two"),
        "no sub": signed(sub=None),
        "empty sub": signed(sub=""),
        "sub a number": by_hand({"alg": "HS256"}, good | {"sub": 1}),
        "sub with a line end": signed(sub="cust-1\nx"),
        "sub endless": signed(sub="x" * 300),
        "unknown kid": signed(header={"kid": "other"}),
        "kid a path": signed(header={"kid": "../../dev/null"}),
        "critical header": by_hand({"alg": "HS256", "crit": ["x"], "x": 1}, good),
        "claims a list": by_hand({"alg": "HS256"}, [good]),
        "not JSON": f"{b64({'alg': 'HS256'})}.{b64(b'no json')}.{seal}",
        "nonsense": "nonsense",
        "hmac of another key": themed(key=OTHER),
        "hmac for another customer": themed(customer="cust-2") | {"customer": "cust-1"},
        "hmac for another email": themed() | {"email": "x@y.example"},
        "hmac with at shifted": themed(at=now - 10) | {"at": str(now)},
        "hmac an hour old": themed(at=now - 3_601),
        "hmac from the future": themed(at=now + 600),
        "hmac empty": themed(hmac=""),
        "hmac cut": themed(hmac=themed()["hmac"][:63]),
        "hmac zeros": themed(hmac="0" * 64),
        "hmac fields shifted": {**themed(customer="cust-1\na@b.example", email=""), "customer": "cust-1", "email": "a@b.example"},
        "hmac no customer": themed(customer=""),
        "hmac at with a sign": themed(at=f"+{now}"),
        "hmac at in Arabic digits": themed(at="".join(chr(0x660 + int(d)) for d in str(now))),
        "hmac of a JWT's body": themed(hmac=hmac.new(SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha256).hexdigest()),
    }  # fmt: skip


async def refused(server, **fields):
    """Say hello with these fields; the close code and error code, or `welcome`."""
    visitor = Visitor(server, site=fields.pop("site", "pk_test"))
    try:
        await visitor.open(**fields)
    except Lost:
        return f"{visitor.close_code} {visitor.errors[0]['code'] if visitor.errors else None}"
    await visitor.close()
    return "welcome"


async def spoken(server, **fields):
    """A visitor with one message in the log."""
    visitor = Visitor(server)
    await visitor.open(**fields)
    await visitor.say("m1", "hi")
    await visitor.until(lambda: "m1" in visitor.answers())
    return visitor


def bad_tokens(guest, customer):
    head, body, seal = guest.token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))

    def tampered(**change):
        return f"{head}.{b64(claims | change)}.{seal}"

    return {
        "nonsense": {"token": "nonsense"},
        "no signature": {"token": f"{head}.{body}."},
        "alg none": {"token": f"{b64({'alg': 'none'})}.{body}."},
        "another conversation inside": {"token": tampered(con=customer.conversation)},
        "another customer inside": {"token": tampered(cus="cust-1")},
        "another generation inside": {"token": tampered(gen=claims["gen"] + 1)},
        "a longer life inside": {"token": tampered(exp=claims["exp"] + 10**8)},
        "signed with the merchant's key": {"token": by_hand({"alg": "HS256", "typ": "shopbell-visitor"}, claims)},
        "signed with an empty key": {"token": by_hand({"alg": "HS256", "typ": "shopbell-visitor"}, claims, key="")},
        "a merchant's identity as token": {"token": signed()},
        "at another site": {"token": guest.token, "site": "pk_two"},
        "for another conversation": {"token": guest.token, "conversation": customer.conversation},
        "none, for another's conversation": {"conversation": guest.conversation},
        "none, for a customer's conversation": {"conversation": customer.conversation},
        "a stranger's identity for a customer's conversation": {
            "conversation": customer.conversation,
            "identity": signed(sub="cust-2"),
        },
        "a customer's identity for a guest's conversation": {
            "conversation": guest.conversation,
            "identity": signed(sub="cust-2"),
        },
    }


async def test_s2_every_bad_token_and_identity_is_refused(server):
    guest = await spoken(server)
    customer = await spoken(server, identity=signed())
    wrong, tried = [], 0
    cases = {f"identity: {name}": {"identity": value} for name, value in bad_identities().items()}
    cases |= {f"token: {name}": fields for name, fields in bad_tokens(guest, customer).items()}
    for name, fields in cases.items():
        tried += 1
        got = await refused(server, **fields)
        # An identity that no frame may carry (empty, endless) is a bad frame.
        if got not in ("4502 bad_token", "4500 bad_frame"):
            wrong.append(f"{name}: {got}")
    for name, value in bad_identities().items():
        tried += 1
        visitor = await spoken(server)
        try:
            await visitor.send({"t": "identify", "identity": value})
            await visitor.until(lambda visitor=visitor: visitor.lost, timeout_s=60)
        except Lost:
            pass
        if not visitor.errors or visitor.errors[0]["code"] not in ("bad_token", "bad_frame"):
            wrong.append(f"identify: {name}: {visitor.errors}")
        await visitor.close()
    assert wrong == []
    # What is good is let in: a test that refuses everything proves nothing.
    assert await refused(server, token=guest.token) == "welcome"
    assert await refused(server, identity=signed()) == "welcome"
    assert await refused(server, identity=themed()) == "welcome"
    assert await refused(server, identity=signed(), conversation=customer.conversation) == "welcome"
    await guest.close()
    await customer.close()
    record("S2", f"{tried} bad tokens and identities: all refused")


@pytest.mark.parametrize("how", ["logout", "another customer signs in"])
async def test_s2_a_sign_out_closes_every_line_within_a_second_and_ends_old_tokens(server, how):
    customer = await spoken(server, identity=signed())
    tabs = []
    for _ in range(5):
        tab = Visitor(server)
        tab.token, tab.conversation = customer.token, customer.conversation
        await tab.open()
        tabs.append(tab)
    old, conversation = customer.token, customer.conversation
    started_s = time.monotonic()
    await customer.send({"t": "logout"} if how == "logout" else {"t": "identify", "identity": signed(sub="cust-2")})
    for tab in tabs:
        with pytest.raises(Lost):
            await tab.until(lambda: False, timeout_s=60)
        assert (tab.close_code, tab.errors[-1]["code"]) == (4502, "bad_token")
    took_s = time.monotonic() - started_s
    assert await refused(server, token=old) == "4502 bad_token"
    assert await refused(server, token=old, identity=signed(sub="cust-2")) in ("4502 bad_token", "welcome")
    await customer.until(lambda: customer.conversation != conversation)
    await customer.close()
    record(f"S2 {how}", f"{len(tabs)} other lines closed {took_s * 1000:.0f} ms after it")
    assert took_s < (1 if PROVE else 60)


async def test_s2_signing_in_ends_the_guests_tokens(server):
    guest = await spoken(server)
    old = guest.token
    await guest.send({"t": "identify", "identity": signed()})
    await guest.until(lambda: guest.token != old)
    assert await refused(server, token=old) == "4502 bad_token"
    assert await refused(server, token=guest.token) == "welcome"
    await guest.close()
