"""Answers wait where the shop has sent as many mails as it may within an hour."""

from server.after.letters import WAIT_MS
from tests.after.test_post import CLOSED, Place, left


async def test_an_answer_waits_until_the_shop_may_send_again(tmp_path):
    place = Place(tmp_path, hours=CLOSED, mail={"per_hour": 1})
    await left(place)
    await place.kit.mail.send("b@example.com", "Other", "Other")
    place.now_ms += WAIT_MS
    await place.post.look()
    assert await place.events("mailed") == []
    place.kit.mail._sent.give_back()  # an hour later
    await place.looks(0)
    assert [event.body["state"] for event in await place.events("mailed")] == ["sending", "sent"]
