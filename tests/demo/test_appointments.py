"""The demo shop's appointments: opening hours, seasons and notice to the minute, and never two customers at one time."""

import asyncio
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from server.shop import Shop
from tests.demo.support import NOON, Till
from tests.demo.test_articles import body, section


async def free(till: Till, on: date, service: str = "ski-full") -> list[str]:
    return [time["id"] for time in (await till.done("free_times", None, service_id=service, on=on))["times"]]


async def first_free(till: Till, service: str = "ski-full") -> str:
    return (await free(till, NOON.date() + timedelta(days=2), service))[0]


async def test_times_lie_within_the_opening_hours_that_the_article_gives(till: Till) -> None:
    assert "| Monday to Friday | 9:00–18:00 | 8:00–18:00 |" in body("shop/store-hours.md")
    hours = {datetime.fromisoformat(t).hour for n in range(1, 15) for t in await free(till, NOON.date() + timedelta(n))}
    assert min(hours) == 8
    assert max(hours) == 17
    saturday = {datetime.fromisoformat(t).hour for t in await free(till, date(2026, 11, 28))}
    assert saturday
    assert max(saturday) <= 16


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2026, 11, 29), "a Sunday"),
        (date(2026, 12, 8), "a holiday of site.yaml"),
        (date(2026, 11, 24), "yesterday"),
        (date(2027, 1, 25), "61 days ahead"),
    ],
)
async def test_on_days_when_nobody_is_there_nothing_is_free(till: Till, day: date, why: str) -> None:
    assert await free(till, day) == [], why


async def test_the_last_day_that_can_be_booked_is_sixty_days_ahead(till: Till) -> None:
    assert "up to 60 days ahead" in section("services/ski-service.md", "Booking")
    assert await free(till, NOON.date() + timedelta(days=58)) != []


async def test_skis_are_serviced_only_in_their_season(shop: Shop, tmp_path: Path) -> None:
    summer = Till(shop, tmp_path, NOON.replace(month=7))
    names = {one["id"] for one in (await summer.done("list_services", None))["services"]}
    assert names == {"boot-fitting", "video-fitting"}
    assert await free(summer, summer.now.date() + timedelta(days=1)) == []
    late = Till(shop, tmp_path, NOON.replace(month=4, day=30, year=2027))
    assert await free(late, date(2027, 5, 3)) == []


async def test_today_only_times_two_hours_from_now_are_free(till: Till) -> None:
    times = await free(till, NOON.date())
    assert times
    assert all(datetime.fromisoformat(time).hour >= 14 for time in times)


async def test_a_booked_time_is_free_for_nobody_else_and_again_after_it_is_given_back(till: Till) -> None:
    time = await first_free(till)
    booked = await till.done("book_appointment", service_id="ski-full", time_id=time)
    assert booked["id"] == "AP-0001"
    assert booked["label"].startswith("Full ski service (€49.00), Friday, 27 November at ")
    assert time not in await free(till, NOON.date() + timedelta(days=2))
    assert "not free" in await till.refused("book_appointment", "cus_jonas", service_id="ski-full", time_id=time)
    await till.done("cancel_appointment", appointment_id="AP-0001")
    await till.done("book_appointment", "cus_jonas", service_id="ski-full", time_id=time)


async def test_of_ten_who_want_one_time_at_once_one_gets_it(till: Till) -> None:
    time = await first_free(till)
    outcomes = await asyncio.gather(
        *(till.call("book_appointment", service_id="ski-full", time_id=time) for _ in range(10))
    )
    assert sum(outcome.ok for outcome in outcomes) == 1


@pytest.mark.parametrize("time", ["2026-11-27T03:00", "2026-11-27T09:30", "2026-02-30T09:00", "2020-11-27T09:00"])
async def test_a_time_that_is_none_cannot_be_booked(till: Till, time: str) -> None:
    await till.refused("book_appointment", service_id="ski-full", time_id=time)


@pytest.mark.parametrize(
    ("hours_before", "minutes_after_booking", "allowed"), [(24, 31, True), (23.9, 31, False), (23.9, 30, True)]
)
async def test_cancelling_is_free_up_to_a_day_before_or_right_after_booking(
    till: Till, hours_before: float, minutes_after_booking: int, allowed: bool
) -> None:
    assert "24 hours before" in section("services/ski-service.md", "Changing an appointment")
    assert "within 30 minutes" in section("services/ski-service.md", "Changing an appointment")
    time = await first_free(till)
    starts = datetime.fromisoformat(time).replace(tzinfo=NOON.tzinfo)
    till.now = starts - timedelta(hours=hours_before, minutes=minutes_after_booking)
    await till.done("book_appointment", service_id="ski-full", time_id=time)
    till.now = starts - timedelta(hours=hours_before)
    if allowed:
        await till.done("cancel_appointment", appointment_id="AP-0001")
    else:
        assert "24 hours" in await till.refused("cancel_appointment", appointment_id="AP-0001")


async def test_anothers_appointment_looks_like_none_and_ones_own_are_listed(till: Till) -> None:
    await till.done("book_appointment", service_id="boot-fitting", time_id=await first_free(till, "boot-fitting"))
    foreign = await till.refused("cancel_appointment", "cus_jonas", appointment_id="AP-0001")
    absent = await till.refused("cancel_appointment", "cus_jonas", appointment_id="AP-9999")
    assert foreign.replace("AP-0001", "A") == absent.replace("AP-9999", "A")
    assert [one["id"] for one in (await till.done("list_appointments"))["appointments"]] == ["AP-0001"]
    assert (await till.done("list_appointments", "cus_jonas"))["appointments"] == []
    till.now += timedelta(days=10)
    assert (await till.done("list_appointments"))["appointments"] == []


async def test_services_and_labels_are_told_in_german(till: Till) -> None:
    services = (await till.done("list_services", None, locale="de"))["services"]
    assert services[1]["name"] == "Großer Skiservice"
    booked = await till.done("book_appointment", service_id="ski-full", time_id=await first_free(till), locale="de-AT")
    assert booked["label"].startswith("Großer Skiservice (49,00 €), Freitag, 27. November, ")


async def test_prices_are_those_of_the_article(till: Till) -> None:
    services = {one["id"]: one["price"] for one in (await till.done("list_services", None))["services"]}
    table = body("services/ski-service.md")
    for service, words in (("ski-small", "Small service"), ("ski-full", "Full service"), ("binding", "Binding adjust")):
        line = next(line for line in table.splitlines() if words in line)
        assert f"€{services[service].split('.')[0]} " in line
