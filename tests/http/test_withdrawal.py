"""What one phone takes back, every phone of the customer loses: nothing unseen is handed over again."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.http.phones import Phone, Shop, code_of, held_for, new_phone, no, yes
from tests.world import HELSINKI, METRES_PER_DEGREE

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


async def _state_of(rows, phone: Phone) -> dict[str, Any] | None:
    text = await rows.fetchval(
        "SELECT state::text FROM device_states WHERE bucket = $1 AND customer_id = $2", *phone.key
    )
    return None if text is None else json.loads(text)


def _drives_by() -> dict[str, Any]:
    """Two fixes of a car that comes to the middle of the world at 20 m/s."""
    now = datetime.now(UTC)
    fixes = [
        {
            "fix_id": uuid4().hex,
            "lat": LAT - metres / METRES_PER_DEGREE,
            "lon": LON,
            "accuracy_m": 5,
            "speed_mps": 20,
            "recorded_at": (now - timedelta(seconds=metres / 20)).isoformat(),
        }
        for metres in (300, 0)
    ]
    return {"sent_at": now.isoformat(), "fixes": fixes}


async def test_location_for_parking_alone_lets_no_shop_know_who_is_there(http, rows, shop):
    await shop.offers()
    phone = await new_phone(http)
    await phone.answers(
        yes("location_parking"), yes("marketing", retailer_id=shop.retailer_id, channel="push")
    )
    await asyncio.sleep(1.2)  # workers look for edits every half second
    answer = (await phone.post("/v1/fixes", _drives_by())).json()
    assert [fix["status"] for fix in answer["fixes"]] == ["accepted", "accepted"]
    assert (answer["crossings"], answer["deliveries"]) == ([], [])
    state = await _state_of(rows, phone)
    assert state is not None
    assert "f" not in state
    assert state["v"]
    for kept in ("crossings", "deliveries", "timers"):
        number = await rows.fetchval(
            f"SELECT count(*) FROM {kept} WHERE bucket = $1 AND customer_id = $2", *phone.key
        )
        assert number == 0


async def test_location_for_offers_alone_remembers_no_car(http, rows, shop):
    await shop.offers()
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    assert (await phone.post("/v1/fixes", _drives_by())).status_code == 200
    state = await _state_of(rows, phone)
    assert state is not None
    assert "v" not in state


@pytest.mark.parametrize(
    ("withdrawn", "gone", "kept"), [("location_offers", "f", "v"), ("location_parking", "v", "f")]
)
async def test_the_end_of_one_location_purpose_leaves_what_the_other_needs(
    http, rows, shop, withdrawn, gone, kept
):
    await shop.offers()
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    await phone.answers(yes("location_parking"))
    await asyncio.sleep(1.2)  # workers look for edits every half second
    batch = _drives_by()
    assert (await phone.post("/v1/fixes", batch)).json()["crossings"]
    await rows.execute(
        "INSERT INTO parking_prompts (bucket, customer_id, prompt_id, kind, zone_ids, session_id, ends_at,"
        " asked_at, expires_at) SELECT $1, $2, gen_random_uuid(), kind, '{1}',"
        " CASE WHEN kind <> 'pay' THEN gen_random_uuid() END, alentour_now(), alentour_now(),"
        " alentour_now() + interval '1 hour' FROM unnest('{pay,stop,ending}'::text[]) AS kind",
        *phone.key,
    )
    before = await _state_of(rows, phone)
    assert before is not None
    assert {"f", "v", "a"} <= before.keys()
    await phone.answers(no(withdrawn))
    after = await _state_of(rows, phone)
    assert after is not None
    assert after.keys() & {gone, "a"} == set()
    assert after[kept] == before[kept]
    assert (await phone.post("/v1/fixes", batch)).json()["crossings"] == []
    prompts = (await phone.get("/v1/inbox")).json()["parking_prompts"]
    asked = ["ending"] if withdrawn == "location_parking" else ["ending", "pay", "stop"]
    assert sorted(prompt["kind"] for prompt in prompts) == asked
    assert (await phone.get("/v1/parking/prompts")).json()["items"] == prompts
    await phone.answers(no("location_offers"), no("location_parking"))
    assert await _state_of(rows, phone) is None


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
