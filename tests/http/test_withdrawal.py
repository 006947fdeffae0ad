"""What one phone takes back, every phone of the customer loses: nothing unseen is handed over again."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.http.phones import Phone, Shop, code_of, held_for, new_phone, no, yes
from tests.world import HELSINKI

SOON_S = 10.0
LAT, LON = HELSINKI


def _batch() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    fix = {"fix_id": uuid4().hex, "lat": LAT, "lon": LON, "accuracy_m": 5, "recorded_at": now}
    return {"sent_at": now, "fixes": [fix]}


async def _two_phones(http, shop: Shop) -> tuple[Phone, Phone]:
    """Of one customer, who never sleeps and hears this shop by push."""
    first = await new_phone(http)
    await first.consents_to(shop.retailer_id)
    await first.patch("/v1/me/preferences", {"quiet_hours": {"start": "00:00", "end": "00:00"}})
    code = (await first.post("/v1/me/link-codes")).json()
    second = await new_phone(http, link_code=code["code"])
    assert (await first.post(f"/v1/me/link-codes/{code['code_id']}/confirm")).status_code == 200
    return first, second


async def _in_inbox(phone: Phone) -> list[str]:
    return [item["delivery_id"] for item in (await phone.get("/v1/inbox")).json()["items"]]


async def _first_on_stream(phone: Phone) -> str:
    async with (
        asyncio.timeout(SOON_S),
        phone.http.stream("GET", "/v1/live", headers=phone.headers) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                delivery_id: str = json.loads(line.removeprefix("data: "))["delivery_id"]
                return delivery_id
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("withdrawn", ["marketing", "location_offers"])
async def test_an_offer_one_phone_was_told_is_told_to_none_after_a_withdrawal(http, rows, shop, withdrawn):
    offer_id = await shop.offers()
    first, second = await _two_phones(http, shop)
    await asyncio.sleep(1.2)  # workers look for edits every half second
    batch = _batch()
    told = await first.post("/v1/fixes", batch)
    assert told.status_code == 200, told.text
    (delivery_id,) = [one["delivery_id"] for one in told.json()["deliveries"]]
    again = await first.post("/v1/fixes", batch)
    assert again.json() == told.json()
    assert await _in_inbox(second) == [delivery_id]
    assert await _first_on_stream(second) == delivery_id

    named = {"retailer_id": shop.retailer_id, "channel": "push"} if withdrawn == "marketing" else {}
    await first.answers(no(withdrawn, **named))

    assert await _in_inbox(second) == []
    later = await shop.gives(second, offer_id)  # so that the stream has something to begin with
    assert await _first_on_stream(second) == str(later.delivery_id)
    again = await first.post("/v1/fixes", batch)
    if withdrawn == "marketing":
        assert (again.status_code, again.json()["deliveries"]) == (200, [])
    else:
        assert (again.status_code, code_of(again)) == (403, "no_location_consent")


async def test_an_answer_is_forgotten_though_consent_comes_back(http, rows, shop):
    await shop.offers()
    first, _ = await _two_phones(http, shop)
    await asyncio.sleep(1.2)  # workers look for edits every half second
    batch = _batch()
    assert len((await first.post("/v1/fixes", batch)).json()["deliveries"]) == 1
    named = {"retailer_id": shop.retailer_id, "channel": "push"}
    await first.answers(no("marketing", **named))
    await first.answers(yes("marketing", **named))
    again = await first.post("/v1/fixes", batch)
    assert (again.status_code, again.json()["deliveries"]) == (200, [])


async def test_a_fix_with_location_for_parking_alone_is_refused_and_nothing_is_kept(http, rows, shop):
    await shop.offers()
    phone = await new_phone(http)
    await phone.answers(
        yes("location_parking"), yes("marketing", retailer_id=shop.retailer_id, channel="push")
    )
    answer = await phone.post("/v1/fixes", _batch())
    assert (answer.status_code, code_of(answer)) == (403, "no_location_consent")
    for kept in ("device_states WHERE state IS NOT NULL AND", "crossings WHERE", "deliveries WHERE"):
        number = await rows.fetchval(
            f"SELECT count(*) FROM {kept} bucket = $1 AND customer_id = $2", *phone.key
        )
        assert number == 0


@pytest.mark.parametrize(
    ("withdrawn", "is_kept"), [("location_offers", False), ("measurement", True), ("personalisation", True)]
)
async def test_what_waits_for_the_end_of_the_night_goes_with_location_alone(
    http, rows, shop, withdrawn, is_kept
):
    offer_id = await shop.offers()
    phone, other = await new_phone(http), await new_phone(http)
    for one in (phone, other):
        await one.consents_to(shop.retailer_id)
        await one.answers(yes("measurement"), yes("personalisation"))
        await shop.holds(one, offer_id)
    await phone.answers(no(withdrawn))
    assert await held_for(rows, phone) == [offer_id] * is_kept
    assert await held_for(rows, other) == [offer_id], "somebody else's"


async def test_a_band_too_low_for_location_ends_what_waits(http, rows, shop):
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    await shop.holds(phone, await shop.offers())
    await phone.patch("/v1/me/preferences", {"age_band": "under_15"})
    assert await held_for(rows, phone) == []


async def test_a_revoked_phone_takes_what_waits_for_it_along_and_nothing_else(http, rows, shop):
    first, second = await _two_phones(http, shop)
    of_first, of_second = await shop.offers(), await shop.offers()
    await shop.holds(first, of_first)
    await shop.holds(second, of_second)
    assert (await first.post(f"/v1/me/devices/{second.device_id}/revoke")).status_code == 200
    assert await held_for(rows, first) == [of_first]
