"""Age bands over HTTP: who may say yes to what, and what a lower band takes back."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from offers.people.customers import CustomerKey, lock_customers
from tests.http.phones import Phone, Shop, code_of, new_phone, no, yes
from tests.world import HELSINKI

PREFERENCES = "/v1/me/preferences"
LOCATION = yes("location_offers")


async def _tries(phone: Phone, *decisions: dict[str, Any]) -> Any:
    body = {"decisions": list(decisions), "notice_version": 1, "language": "en"}
    return await phone.post("/v1/consents", body)


def marketing(shop: Shop) -> dict[str, Any]:
    return yes("marketing", retailer_id=shop.retailer_id, channel="push")


async def test_a_phone_may_say_the_age_band_when_it_registers(http):
    phone = await new_phone(http, age_band="15_17", country="FR")
    chosen = (await phone.get("/v1/me")).json()["preferences"]
    assert (chosen["age_band"], chosen["country"]) == ("15_17", "FR")


async def test_registering_again_or_joining_changes_no_age_band(http):
    first = await new_phone(http, age_band="15_17")
    await new_phone(http, installation_id=first.installation_id, age_band="adult")
    code = (await first.post("/v1/me/link-codes")).json()
    await new_phone(http, link_code=code["code"], age_band="adult")
    assert (await first.get("/v1/me")).json()["preferences"]["age_band"] == "15_17"


@pytest.mark.parametrize(
    ("said", "field"), [({"age_band": "child"}, "age_band"), ({"country": "fr"}, "country")]
)
async def test_a_bad_band_or_country_at_registration_names_the_field(http, said, field):
    body = {"installation_id": uuid4().hex, "platform": "ios", **said}
    answer = await http.post("/v1/devices", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


async def test_who_said_no_age_counts_as_a_minor_and_is_told_what_to_do(http, shop):
    phone = await new_phone(http, age_band="unknown")
    for decision in (LOCATION, yes("measurement"), yes("personalisation"), marketing(shop)):
        refused = await _tries(phone, no("location_parking"), decision)
        assert (refused.status_code, code_of(refused)) == (403, "age_not_declared")
        assert [one["field"] for one in refused.json()["errors"]] == ["decisions[1]"]
    assert (await phone.get("/v1/consents")).json()["history"] == []
    assert (await _tries(phone, no("location_offers"))).status_code == 201, "a no is for everybody"


@pytest.mark.parametrize(
    ("said", "location", "with_marketing"),
    [
        ({"age_band": "under_15", "country": "FI"}, False, False),
        ({"age_band": "15_17", "country": "FR"}, True, False),
        ({"age_band": "15_17", "country": "DE"}, False, False),
        ({"age_band": "15_17", "time_zone": "Europe/Berlin"}, False, False),
        ({"age_band": "15_17", "time_zone": "Europe/Berlin", "country": "FR"}, True, False),
        ({"age_band": "15_17", "time_zone": "UTC"}, False, False),
        ({"age_band": "adult", "time_zone": "UTC"}, True, True),
    ],
)
async def test_location_needs_the_countrys_age_and_marketing_an_adult(
    http, shop, said, location, with_marketing
):
    phone = await new_phone(http, **said)
    for decision, allowed in ((LOCATION, location), (marketing(shop), with_marketing)):
        answer = await _tries(phone, decision)
        if allowed:
            assert answer.status_code == 201
        else:
            assert (answer.status_code, code_of(answer)) == (403, "under_age")


async def test_one_answer_too_many_records_none_of_its_call(http, shop):
    phone = await new_phone(http, age_band="15_17", country="FR")
    refused = await _tries(phone, LOCATION, marketing(shop))
    assert [one["field"] for one in refused.json()["errors"]] == ["decisions[1]"]
    assert (await phone.get("/v1/consents")).json()["granted"] == []


async def test_a_lower_band_takes_back_what_is_no_longer_allowed_with_all_its_effects(http, rows, shop):
    phone = await new_phone(http, country="FR")
    await phone.answers(LOCATION, marketing(shop), yes("personalisation"))
    await phone.patch(PREFERENCES, {"interests": ["coffee"]})
    waiting = await shop.gives(phone, await shop.offers())
    changed = await phone.patch(PREFERENCES, {"age_band": "15_17"})
    assert (changed.status_code, changed.json()["age_band"]) == (200, "15_17")
    said = (await phone.get("/v1/consents")).json()
    assert said["granted"] == ["location_offers", "personalisation"]
    [latest] = [one for one in said["history"] if not one["granted"]]
    assert (latest["purpose"], latest["method"]) == ("marketing", "age_band")
    assert latest["device_id"] == phone.device_id
    assert await waiting.column(rows, "cancelled_because") == "consent_withdrawn"
    receipt = (await phone.get(f"/v1/consents/{latest['consent_id']}/receipt")).json()
    assert receipt["events"][0]["event_state"] == "consent withdrawn"

    state = "UPDATE device_states SET state = '{}' WHERE device_id = $1"
    await rows.execute(state, UUID(phone.device_id))
    await phone.patch(PREFERENCES, {"age_band": "under_15"})
    assert (await phone.get("/v1/consents")).json()["granted"] == []
    assert (await phone.get("/v1/me")).json()["preferences"]["interests"] == []
    left = "SELECT state FROM device_states WHERE device_id = $1"
    assert await rows.fetchval(left, UUID(phone.device_id)) is None


async def test_moving_to_a_stricter_country_takes_back_too_and_moving_back_grants_nothing(http):
    phone = await new_phone(http, age_band="15_17", time_zone="Europe/Paris")
    await phone.answers(LOCATION)
    await phone.patch(PREFERENCES, {"time_zone": "Europe/Berlin"})
    assert (await phone.get("/v1/consents")).json()["granted"] == []
    await phone.patch(PREFERENCES, {"time_zone": "Europe/Paris", "age_band": "adult"})
    said = (await phone.get("/v1/consents")).json()
    assert (said["granted"], len(said["history"])) == ([], 2)


async def test_a_change_that_cannot_be_used_takes_nothing_back(http):
    phone = await new_phone(http)
    await phone.answers(LOCATION)
    answer = await phone.patch(PREFERENCES, {"age_band": "under_15", "language": "x"})
    assert answer.status_code == 400
    assert (await phone.get("/v1/consents")).json()["granted"] == ["location_offers"]


async def test_the_database_refuses_what_a_minor_may_not_grant(http, rows):
    phone = await new_phone(http, age_band="15_17")
    set_grants = "UPDATE customers SET grants = $3 WHERE bucket = $1 AND customer_id = $2"
    set_band = "UPDATE customers SET age_band = $3 WHERE bucket = $1 AND customer_id = $2"
    with pytest.raises(asyncpg.CheckViolationError):
        await rows.execute(set_grants, *phone.key, ["location_offers", "marketing:1:push"])
    await rows.execute(set_grants, *phone.key, ["location_offers"])
    for band in ("unknown", "under_15"):
        with pytest.raises(asyncpg.CheckViolationError):
            await rows.execute(set_band, *phone.key, band)


async def test_a_lower_band_waits_for_a_delivery_being_decided_and_then_cancels_it(http, rows, shop):
    """A flush holds the customer's lock: the change must see what it wrote, not the moment before."""
    phone = await new_phone(http)
    await phone.consents_to(shop.retailer_id)
    offer_id = await shop.offers()
    async with rows.acquire() as flush:
        transaction = flush.transaction()
        await transaction.start()
        await lock_customers(flush, CustomerKey(*phone.key))
        change = asyncio.create_task(phone.patch(PREFERENCES, {"age_band": "15_17"}))
        await asyncio.sleep(0.3)
        assert not change.done()
        given = await shop.writes(flush, phone, offer_id)
        await transaction.commit()
    assert (await change).status_code == 200
    assert await given.column(rows, "cancelled_because") == "consent_withdrawn"


async def test_a_band_and_a_yes_at_once_leave_nothing_that_is_not_allowed(http, shop):
    phone = await new_phone(http)
    for _ in range(6):
        await asyncio.gather(
            phone.patch(PREFERENCES, {"age_band": "under_15"}),
            _tries(phone, LOCATION, marketing(shop)),
            phone.patch(PREFERENCES, {"age_band": "15_17"}),
        )
        assert not any(
            one.startswith("marketing") for one in (await phone.get("/v1/consents")).json()["granted"]
        )
        await phone.patch(PREFERENCES, {"age_band": "adult"})


@pytest.mark.parametrize(("band", "sees"), [("adult", 1), ("15_17", 0), ("under_15", 0), ("unknown", 0)])
async def test_minors_see_the_places_around_but_no_offers(http, rows, shop, band, sees):
    offer_id = await shop.offers(trigger="nearby")
    phone = await new_phone(http, age_band=band)
    lat, lon = HELSINKI
    around = await phone.get("/v1/nearby", params={"lat": lat, "lon": lon, "radius_m": 2_000, "limit": 100})
    mine = [one for one in around.json()["items"] if one["site_id"] == shop.site_id]
    assert len(mine) == 1
    assert [one["offer_id"] for one in mine[0]["offers"]] == [offer_id] * sees
