"""How many mails a shop sends within an hour: all kinds together, codes at most half of them, and nothing that waits is lost."""

import pytest

from server.mail import ShopMail, TooMany, send_patiently
from server.site import Site
from tools.connectors.mail import MailFailed, MailRefused


class Box:
    def __init__(self):
        self.mails = []
        self.errors = []

    async def send(self, mail):
        if self.errors:
            raise self.errors.pop(0)
        self.mails.append(mail)


class Place:
    def __init__(self, tmp_path, per_hour):
        self.now_s = 1_000.0
        site = Site.model_validate({"key": "pk_a", "name": "A", "mail": {"per_hour": per_hour}})
        self.mail = ShopMail(site, tmp_path, clock_s=lambda: self.now_s)
        self.box = Box()
        self.mail.send_by(self.box)

    async def send(self, share=1.0):
        await self.mail.send("a@b.example", "Hello", "Hello", share=share)


async def test_no_hour_sees_more_mails_than_the_shop_wants(tmp_path):
    place = Place(tmp_path, 3)
    for _ in range(3):
        await place.send()
        place.now_s += 1_000
    with pytest.raises(TooMany, match="per_hour allows: 3"):
        await place.send()
    place.now_s += 600  # the first one is an hour old
    await place.send()
    with pytest.raises(TooMany):
        await place.send()
    assert len(place.box.mails) == 4


async def test_codes_leave_half_of_them_to_all_else(tmp_path):
    place = Place(tmp_path, 4)
    await place.send(0.5)
    await place.send(0.5)
    with pytest.raises(TooMany):
        await place.send(0.5)
    await place.send()
    await place.send()
    assert not place.mail.has_room


@pytest.mark.parametrize("error", [MailFailed("away"), MailRefused("no such user")])
async def test_a_mail_that_did_not_go_out_does_not_count(tmp_path, error):
    place = Place(tmp_path, 1)
    place.box.errors = [error]
    with pytest.raises(type(error)):
        await place.send()
    await place.send()
    assert len(place.box.mails) == 1


async def test_what_is_over_the_limit_is_not_tried_again_at_once(tmp_path):
    place = Place(tmp_path, 1)
    await place.send()
    with pytest.raises(TooMany):
        await send_patiently(place.mail, ("a@b.example", "Hello", "Hello"), pauses_s=(1e9,))
