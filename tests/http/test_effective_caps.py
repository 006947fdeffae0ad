"""A phone reads which limits bind its customer now."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx

from tests.http.phones import Phone, Shop, new_phone

NEVER_QUIET = {"quiet_hours": {"start": "12:00", "end": "12:00"}}


async def test_what_was_given_counts_under_every_limit_it_falls_under(
    http: httpx.AsyncClient, rows: asyncpg.Pool, shop: Shop
) -> None:
    phone = await _undisturbed(http)
    await shop.gives(phone, await shop.offers())
    told = await _asks(phone)
    assert {cap["scope"] for cap in told["caps"]} >= {"system", "each_retailer"}
    assert all(cap["counted"] == 1 for cap in told["caps"])
    (of_shop,) = [cap for cap in told["caps"] if cap["scope"] == "each_retailer"]
    assert (of_shop["retailer_id"], of_shop["is_reached"]) == (shop.retailer_id, True)
    assert of_shop["next_possible_at"] == of_shop["window_ends_at"] > told["as_of"]


async def test_a_full_limit_of_one_retailer_puts_off_only_its_own_next_offer(
    http: httpx.AsyncClient, shop: Shop
) -> None:
    phone = await _undisturbed(http)
    await shop.gives(phone, await shop.offers())
    anybody, this_shop = await _asks(phone), await _asks(phone, retailer_id=shop.retailer_id)
    assert anybody["next_possible_at"] == anybody["as_of"]
    assert this_shop["next_possible_at"] > this_shop["as_of"]


async def test_nobody_elses_offers_are_counted(http: httpx.AsyncClient, shop: Shop) -> None:
    given, other = await _undisturbed(http), await _undisturbed(http)
    await shop.gives(given, await shop.offers())
    told = await _asks(other, retailer_id=shop.retailer_id)
    assert told["caps"]
    assert not any(cap["counted"] for cap in told["caps"])


async def test_a_quiet_person_is_told_until_when(http: httpx.AsyncClient) -> None:
    phone = await new_phone(http)
    all_day = {"time_zone": "UTC", "quiet_hours": {"start": "00:00", "end": "23:59"}}
    assert (await phone.patch("/v1/me/preferences", all_day)).status_code == 200
    told = await _asks(phone)
    if told["quiet_until"] is not None:  # not in the last minute of the day
        assert told["quiet_until"][11:16] == "23:59"
        assert told["next_possible_at"] == told["quiet_until"]


async def test_only_phones_have_limits(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/caps/effective")).status_code == 401


async def _undisturbed(http: httpx.AsyncClient) -> Phone:
    phone = await new_phone(http)
    assert (await phone.patch("/v1/me/preferences", NEVER_QUIET)).status_code == 200
    return phone


async def _asks(phone: Phone, **asked: Any) -> dict[str, Any]:
    answer = await phone.get("/v1/caps/effective", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()
