"""Which limits hold for the person who asks: what is counted, until when, and when the next may come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.http.phones import Phone, new_phone
from tests.http.shops import Shop, other_shop, sql
from tests.http.shops import shop as a_shop

__all__ = ["a_shop", "other_shop", "sql"]  # fixtures

NEVER_QUIET = {"quiet_hours": {"start": "00:00", "end": "00:00"}}
FRENCH = {"accept-language": "fr"}


@pytest.fixture
async def phone(http) -> Phone:
    """Of somebody who never sleeps."""
    one = await new_phone(http, time_zone="Europe/Paris", language="en")
    assert (await one.patch("/v1/me/preferences", NEVER_QUIET)).status_code == 200
    return one


async def hears(phone: Phone, *shops: Any) -> None:
    await phone.consents_to(*(one.retailer_id for one in shops))


async def limits(phone: Phone, headers: dict[str, str] | None = None, **params: Any) -> dict[str, Any]:
    answer = await phone.get("/v1/caps/effective", params=params, headers=headers or {})
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def of(said: dict[str, Any], scope: str) -> list[dict[str, Any]]:
    return [one for one in said["caps"] if one["scope"] == scope]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_new_person_has_the_systems_limits_and_may_be_given_something(phone):
    said = await limits(phone)
    windows = {one["calendar"]: one for one in said["caps"]}
    assert {"day", "week"} <= set(windows)
    assert {one["scope"] for one in said["caps"]} == {"system"}
    assert all(one["counted"] == 0 and not one["is_reached"] for one in said["caps"])
    assert said["next_possible_at"] == said["as_of"]
    day = windows["day"]
    assert moment(day["window_starts_at"]) <= moment(said["as_of"]) < moment(day["window_ends_at"])
    assert day["window_ends_at"].endswith((":00:00Z",))
    assert said["text"].endswith("The strictest decides.")


async def test_what_was_given_is_counted_per_scope_and_the_strictest_wins(phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    said = await limits(phone)
    assert [one["counted"] for one in of(said, "system")] == [1] * len(of(said, "system"))
    (each,) = of(said, "each_retailer")
    assert (each["retailer_id"], each["retailer_name"]) == (shop.retailer_id, "Bakery")
    assert (each["counted"], each["at_most"], each["is_reached"]) == (1, 1, True)
    assert each["next_possible_at"] == each["window_ends_at"]
    assert "A limit for each business (Bakery)." in each["text"]
    assert "The next is possible from " in each["text"]
    assert said["next_possible_at"] == said["as_of"], "another business may"
    theirs = await limits(phone, retailer_id=shop.retailer_id)
    assert theirs["next_possible_at"] == each["window_ends_at"]
    await shop.gives(phone, await shop.offers(), handed=True)
    said = await limits(phone)
    day = next(one for one in of(said, "system") if one["calendar"] == "day")
    assert (day["counted"], day["is_reached"]) == (2, True)
    assert said["next_possible_at"] == day["window_ends_at"]
    assert moment(day["window_ends_at"]) > given.decided_at


async def test_of_one_offer_exactly_its_limits_are_told(phone, shop, other_shop, sql):
    await shop.gives(phone, offer_id := await shop.offers(), handed=True)
    caps = {
        "own": await _cap(sql, shop.retailer_id, "retailer", at_most=5, rolling_s=3600),
        "of_offer": await _cap(
            sql, shop.retailer_id, "offer", at_most=1, rolling_s=86_400, offer_id=offer_id
        ),
        "inbox": await _cap(sql, shop.retailer_id, "retailer", at_most=1, rolling_s=3600, channel="inbox"),
        "other": await _cap(sql, other_shop.retailer_id, "retailer", at_most=1, rolling_s=3600),
    }
    said = await limits(phone, offer_id=offer_id)
    told = [one["cap_id"] for one in said["caps"]]
    assert {caps["own"], caps["of_offer"]} <= set(told)
    assert not {caps["inbox"], caps["other"]} & set(told)
    scopes = [one["scope"] for one in said["caps"]]
    assert scopes == sorted(scopes, key=["system", "each_retailer", "retailer", "offer"].index)
    one = next(one for one in said["caps"] if one["cap_id"] == caps["of_offer"])
    assert (one["window"], one["rolling_s"], one["counted"]) == ("rolling", 86_400, 1)
    day_later = timedelta(days=1, microseconds=1)
    assert moment(one["next_possible_at"]) == moment(one["window_starts_at"]) + _since(said, one) + day_later
    assert said["next_possible_at"] == max(each["next_possible_at"] for each in said["caps"])
    assert one["text"].startswith("A limit that Bakery set for one offer.")


def _since(said: dict[str, Any], one: dict[str, Any]) -> timedelta:
    """From the start of the window to the delivery that is counted."""
    return moment(one["window_ends_at"]) - moment(said["as_of"]) - timedelta(microseconds=1)


async def _cap(sql: asyncpg.Connection, retailer_id: int, scope: str, **said: Any) -> int:
    row = {"scope": scope, "retailer_id": retailer_id, "time_window": "rolling", **said}
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    cap_id: int = await sql.fetchval(
        f"INSERT INTO caps ({', '.join(row)}, created_at) VALUES ({places}, alentour_now()) RETURNING cap_id",
        *row.values(),
    )
    return cap_id


async def test_an_offer_that_ignores_caps_says_that_none_holds(phone, shop):
    offer_id = await shop.offers(ignores_caps=True)
    for _ in range(3):
        await shop.gives(phone, offer_id, handed=True)
    said = await limits(phone, offer_id=offer_id)
    assert said["text"] == "None of these limits holds for this offer."
    assert said["next_possible_at"] == said["as_of"]


async def test_a_limit_of_none_is_never_possible(phone, shop, sql):
    await hears(phone, shop)
    offer_id = await shop.offers()
    await _cap(sql, shop.retailer_id, "offer", at_most=0, rolling_s=3600, offer_id=offer_id)
    said = await limits(phone, offer_id=offer_id)
    assert said["next_possible_at"] is None
    assert of(said, "offer")[0]["text"].endswith("None is possible while it holds.")


async def test_slots_that_went_back_are_not_counted(phone, shop):
    await shop.gives(phone, await shop.offers(), expires_in=timedelta(microseconds=1))
    assert {one["counted"] for one in (await limits(phone))["caps"]} == {0}


async def test_quiet_hours_say_until_when(phone):
    await phone.patch("/v1/me/preferences", {"quiet_hours": None})
    quiet = (await limits(phone))["quiet_hours"]
    assert (quiet["start"], quiet["end"], quiet["set_by"]) == ("21:00", "08:00", "system")
    assert quiet["is_quiet"] == (quiet["until"] is not None)
    await phone.patch("/v1/me/preferences", {"quiet_hours": {"start": "00:00", "end": "23:59"}})
    said = await limits(phone)
    quiet = said["quiet_hours"]
    assert (quiet["set_by"], quiet["is_quiet"]) == ("customer", True)
    assert moment(said["as_of"]) < moment(quiet["until"]) <= moment(said["as_of"]) + timedelta(days=1)
    assert quiet["text"].startswith("It is quiet for you until ")
    assert said["next_possible_at"] == quiet["until"], "limits would let it pass before"
    await phone.patch("/v1/me/preferences", NEVER_QUIET)
    quiet = (await limits(phone))["quiet_hours"]
    assert (quiet["is_quiet"], quiet["until"]) == (False, None)
    assert quiet["text"] == "You set no quiet hours."


async def test_it_speaks_french(phone, shop):
    await shop.gives(phone, await shop.offers(), handed=True)
    said = await limits(phone, FRENCH)
    assert said["language"] == "fr"
    assert said["text"].endswith("La plus stricte décide.")
    (each,) = of(said, "each_retailer")
    assert each["text"].startswith("Une limite pour chaque commerce (Bakery). Depuis le ")
    assert "La prochaine est possible à partir du " in each["text"]


async def test_nothing_of_anothers_is_counted_or_told(http, phone, shop, other_shop):
    stranger = await new_phone(http)
    await shop.gives(stranger, await shop.offers(), handed=True)
    assert {one["counted"] for one in (await limits(phone))["caps"]} == {0}
    assert of(await limits(phone), "each_retailer") == []
    await hears(phone, other_shop)
    (each,) = of(await limits(phone, retailer_id=other_shop.retailer_id), "each_retailer")
    assert (each["retailer_id"], each["counted"]) == (other_shop.retailer_id, 0)


async def test_what_is_not_there_is_not_found(phone, shop, a_shop: Shop, other_shop):
    draft = (await a_shop.offer())["offer_id"]
    offer_id = await shop.offers()
    await hears(phone, shop, a_shop)
    for params in (
        {"retailer_id": 999_999_999},
        {"offer_id": 999_999_999},
        {"offer_id": draft},
        {"offer_id": offer_id, "retailer_id": other_shop.retailer_id},
        {"offer_id": offer_id, "retailer_id": a_shop.retailer_id},
        {"retailer_id": other_shop.retailer_id},
    ):
        answer = await phone.get("/v1/caps/effective", params=params)
        assert answer.status_code == 404, params
    assert (await limits(phone, offer_id=offer_id, retailer_id=shop.retailer_id))["caps"]


async def test_a_cap_that_was_just_changed_is_told_at_once(phone, shop, sql):
    await hears(phone, shop)
    offer_id = await shop.offers()
    cap_id = await _cap(sql, shop.retailer_id, "offer", at_most=3, rolling_s=3600, offer_id=offer_id)
    assert of(await limits(phone, offer_id=offer_id), "offer")[0]["at_most"] == 3
    await sql.execute("UPDATE caps SET at_most = 4 WHERE cap_id = $1", cap_id)
    assert of(await limits(phone, offer_id=offer_id), "offer")[0]["at_most"] == 4


async def test_an_offer_that_goes_to_the_inbox_does_not_wait_for_the_end_of_quiet_hours(phone, shop):
    await hears(phone, shop)
    silent, loud = await shop.offers(when_quiet="inbox_only"), await shop.offers()
    await phone.patch("/v1/me/preferences", {"quiet_hours": {"start": "00:00", "end": "23:59"}})
    said = await limits(phone, offer_id=silent)
    assert said["next_possible_at"] == said["as_of"]
    said = await limits(phone, offer_id=loud)
    assert said["next_possible_at"] == said["quiet_hours"]["until"]


async def test_a_full_limit_of_one_business_puts_off_only_its_own_next_offer(phone, shop):
    await shop.gives(phone, await shop.offers())
    anybody, this_shop = await limits(phone), await limits(phone, retailer_id=shop.retailer_id)
    assert anybody["next_possible_at"] == anybody["as_of"]
    assert this_shop["next_possible_at"] > this_shop["as_of"]


async def test_only_phones_have_limits(http):
    assert (await http.get("/v1/caps/effective")).status_code == 401
