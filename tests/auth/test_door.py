"""The door after a code was right: which tokens still open the conversation, and who stays on the line."""

import pytest

from server import auth, wire
from server.auth import Refused
from server.conversation import id_of
from server.session import Door, Gate
from server.site import Site
from tests.auth.conftest import KEY, SECRET, SITE

ORIGIN = "https://shop.example"
SHOP_SECRET = "merchant-secret-merchant-secret-1"


@pytest.fixture
def door(shop):
    site = Site.model_validate({"key": SITE, "name": "Hobnail", "origins": [ORIGIN]})
    gates = {SITE: Gate(site, {None: SHOP_SECRET})}
    origins = auth.Origins({SITE: site.origins})
    return Door(shop.log, gates, origins, SECRET, clock_ms=shop.clock, new_id=lambda: f"d{next(shop.ids)}")


def token(shop, generation=0, customer=None):
    return auth.mint(SECRET, auth.VisitorToken(SITE, id_of(KEY), customer, generation, 0), shop.clock.ms / 1000)


async def come_in(door, text, **fields):
    return await door.hello(wire.Hello(t="hello", v=1, site=SITE, token=text, **fields), ORIGIN)


def identity(shop, customer, email=None):
    now_s = shop.clock.ms / 1000
    return auth.sign_identity(
        SHOP_SECRET, auth.Identity(customer, email, None, int(now_s) + 600), site_key=SITE, now_s=now_s
    )


async def prove(shop, frame="k1", **parts):
    await shop.send(f"v-{frame}", **parts)
    await shop.delivery.idle()
    await shop.check(await shop.box.code(), frame)


async def test_every_line_of_the_conversation_gets_a_token_that_opens_it_again(shop, door):
    lines = [(await come_in(door, token(shop))).session for _ in range(3)]
    await prove(shop)
    renewed = [await door.renewed(session) for session in lines]
    assert all(session.customer == "g:mara" for session in lines)
    shop.clock.go(86_400)
    for text in renewed:
        assert (await come_in(door, text)).session.key == KEY


@pytest.mark.parametrize(
    ("seconds", "opens"), [(0, True), (auth.GRACE_S - 1, True), (auth.GRACE_S, False), (86_400, False)]
)
async def test_the_guests_old_token_opens_for_two_minutes_more(shop, door, seconds, opens):
    old = token(shop)
    await prove(shop)
    shop.clock.go(seconds)
    if opens:
        entered = await come_in(door, old)
        assert (entered.session.key, entered.session.customer) == (KEY, "g:mara")
        read = auth.read(SECRET, entered.welcome["token"], shop.clock.ms / 1000)
        assert (read.generation, read.customer) == (1, "g:mara")
    else:
        with pytest.raises(Refused):
            await come_in(door, old)


async def test_a_line_whose_guest_signed_out_elsewhere_is_not_kept_by_a_code(shop, door):
    session = (await come_in(door, token(shop))).session
    await prove(shop)
    await door.logout(session)
    other = (await come_in(door, None)).session
    session.generation, session.customer = 0, None
    assert await door.renewed(session) is None
    assert other.key != KEY
    with pytest.raises(Refused):
        await come_in(door, token(shop, 1, "g:mara"))


async def test_a_sign_in_by_the_shop_keeps_no_older_line(shop, door):
    session = (await come_in(door, token(shop))).session
    await shop.sign_in("c-7")
    assert await door.renewed(session) is None


async def test_a_guest_may_show_another_order_and_their_line_stays(shop, door):
    session = (await come_in(door, token(shop))).session
    await prove(shop)
    await door.renewed(session)
    shop.clock.go(1800)
    await shop.ask("call:2")
    await shop.send("v2", call="call:2", order="2000", email="jo@example.org")
    await shop.check(await shop.box.code(2), "k2", call="call:2")
    assert await door.renewed(session) is not None
    assert (session.customer, session.generation) == ("g:jo", 2)


async def test_the_token_of_the_sign_in_before_the_last_opens_nothing(shop, door):
    oldest = token(shop)
    await prove(shop)
    await shop.put(("call.decided", "system", {"call": "call:1", "approve": True, "by": "system"}))
    shop.clock.go(1800)
    before = token(shop, 1, "g:mara")
    await shop.ask("call:2")
    await shop.send("v2", call="call:2", order="2000", email="jo@example.org")
    await shop.check(await shop.box.code(2), "k2", call="call:2")
    assert (await come_in(door, before)).session.customer == "g:jo"
    with pytest.raises(Refused):
        await come_in(door, oldest)


async def test_a_guest_who_then_signs_in_as_somebody_else_gets_a_new_conversation(shop, door):
    session = (await come_in(door, token(shop))).session
    await prove(shop)
    await door.renewed(session)
    entered = await door.identify(session, identity(shop, "c-8"))
    assert entered is not None
    assert entered.session.key != KEY


async def test_a_guest_who_then_signs_in_as_the_same_customer_stays_and_keeps_what_was_proven(shop, door):
    session = (await come_in(door, token(shop))).session
    await prove(shop)
    await door.renewed(session)
    assert await door.identify(session, identity(shop, "g:mara", "Mara@example.com")) is None
    known = (await shop.state()).identity
    assert (known.is_guest, known.level(shop.clock.ms)) == (False, "step_up")
