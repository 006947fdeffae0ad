"""What a driver's phone is told: the zones around it, and the zone of a sign."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import httpx
import pytest

from offers.parking.around import _AROUND
from tests.http.phones import Phone, new_phone, no, yes
from tests.http.shops import Shop, faults_of
from tests.parking.operators import at, features, kerb, make_zone, publish, rectangle, tariff, zone

ZONES = "/v1/parking/zones"
FAR = 40_000.0  # metres east of Paris, where no other test has zones


def east(metres: float) -> float:
    return FAR + metres


@pytest.fixture
async def phone(http: httpx.AsyncClient) -> Phone:
    """Of somebody who consents to location for parking and to nothing else."""
    found = await new_phone(http, language="en")
    await found.answers(yes("location_parking"))
    return found


async def around(phone: Phone, east_m: float, north_m: float, **said: Any) -> dict[str, Any]:
    lon, lat = at(east_m, north_m)
    answer = await phone.get(ZONES, params={"lat": lat, "lon": lon, **said})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_between_two_zones_both_are_told_and_all_confidences_are_one(shop: Shop, phone: Phone) -> None:
    await make_zone(shop, "left", rectangle(east(-200), 0, east(0), 100))
    await make_zone(shop, "right", rectangle(east(0), 0, east(200), 100))

    on_the_edge = await around(phone, east(-2), 50, accuracy_m=15)
    inside = await around(phone, east(-100), 50, accuracy_m=15)
    outside = await around(phone, east(-100), 160, accuracy_m=15)

    codes = [one["code"] for one in on_the_edge["items"]]
    sure, unsure = (one["confidence"] for one in on_the_edge["items"])
    assert codes == ["left", "right"]
    assert 0.5 < sure < 0.65
    assert 0.35 < unsure < 0.5
    assert sure + unsure + on_the_edge["none"] == pytest.approx(1, abs=0.002)
    assert inside["items"][0]["confidence"] > 0.99
    assert outside["none"] > 0.99
    assert outside["items"][0]["distance_m"] == pytest.approx(60, abs=0.5)


async def test_what_is_to_be_paid_now_is_told_in_numbers_and_in_words(shop: Shop, phone: Phone) -> None:
    always = tariff("always")
    always["rates"][0] |= {"hours": "24/7"}
    (made,) = await publish(shop, always)
    await make_zone(shop, "Q", rectangle(east(1000), 0, east(1100), 100), tariff="always")

    (told,) = (await around(phone, east(1050), 50))["items"]
    en_francais = await phone.get(f"{ZONES}/by-code/q", headers={"accept-language": "fr"})

    price = told["price"]
    assert (price["tariff_id"], price["version"]) == (made["tariff_id"], 1)
    assert price["now"]["state"] == "paid"
    assert price["now"]["hour_minor"] == 400
    assert price["now"]["first_steps"][0] == {"paid_minutes": 15, "price_minor": 100}
    assert price["now"]["longest_stay_until"] is not None
    assert price["text"].startswith("Paid. 1 h: €4.00. At most until ")
    (same,) = [one for one in en_francais.json()["items"] if one["zone_id"] == told["zone_id"]]
    assert same["price"]["text"].startswith("Payant. 1 h : 4,00 €. Au plus jusqu'à ")


async def test_without_consent_to_location_for_parking_no_position_is_used(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    await make_zone(shop, "NOPE", rectangle(east(2000), 0, east(2100), 100))
    lon, lat = at(east(2050), 50)
    for decisions in ((), (yes("location_offers"),), (yes("location_parking"), no("location_parking"))):
        somebody = await new_phone(http)
        for decision in decisions:
            await somebody.answers(decision)
        answer = await somebody.get(ZONES, params={"lat": lat, "lon": lon})
        assert (answer.status_code, answer.json()["code"]) == (403, "no_location_consent")
        by_code = await somebody.get(f"{ZONES}/by-code/nope")
        assert by_code.status_code == 200, by_code.text


async def test_a_position_that_fits_any_zone_is_refused(phone: Phone) -> None:
    answer = await phone.get(ZONES, params={"lat": 48.8, "lon": 2.3, "accuracy_m": 1500})
    assert answer.status_code == 400
    assert list(faults_of(answer)) == ["accuracy_m"]


async def test_a_sign_is_found_whatever_its_capitals_and_by_its_operator(
    shop: Shop, other_shop: Shop, http: httpx.AsyncClient
) -> None:
    await make_zone(shop, "Sign 7", rectangle(east(3000), 0, east(3100), 100))
    await make_zone(other_shop, "SIGN7", rectangle(east(9000), 0, east(9100), 100))
    somebody = await new_phone(http)

    both = await somebody.get(f"{ZONES}/by-code/sIGN%207")
    one = await somebody.get(f"{ZONES}/by-code/sign7", params={"operator": other_shop.retailer_id})
    none = await somebody.get(f"{ZONES}/by-code/sign8")

    assert [found["operator_id"] for found in both.json()["items"]] == [
        shop.retailer_id,
        other_shop.retailer_id,
    ]
    assert [found["code"] for found in one.json()["items"]] == ["SIGN7"]
    assert (none.status_code, none.json()["code"]) == (404, "not_found")


async def test_a_closed_zone_is_not_around_and_its_sign_says_so(shop: Shop, phone: Phone) -> None:
    made = await make_zone(shop, "SHUT", rectangle(east(4000), 0, east(4100), 100))
    await shop.client.post(f"{ZONES}/{made['id']}/close")
    assert (await around(phone, east(4050), 50))["items"] == []
    (told,) = (await phone.get(f"{ZONES}/by-code/shut")).json()["items"]
    assert told["is_open"] is False


async def test_a_restriction_that_holds_now_is_told(shop: Shop, phone: Phone) -> None:
    forbidden = {"kind": "no_parking", "hours": "24/7", "except_classes": ["resident"]}
    low = {"kind": "max_height", "max_height_cm": 190}
    await make_zone(shop, "RED", rectangle(east(5000), 0, east(5100), 100), restrictions=[low, forbidden])
    (told,) = (await around(phone, east(5050), 50))["items"]
    assert told["forbidden_by"] == forbidden
    assert told["restrictions"] == [low, forbidden]


async def test_the_zones_around_are_one_statement_on_the_index_of_shapes(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    await publish(shop, tariff())
    kerbs = [
        zone(f"N{n:04}", kerb((east(0) + 45 * n, 9_000), (east(0) + 45 * n + 40, 9_000)), tariff="centre")
        for n in range(2_000)
    ]
    done = await shop.client.post(f"{ZONES}/import", json=features(*kerbs))
    assert done.status_code == 200, done.text
    await sql.execute("ANALYZE parking_zones")
    lon, lat = at(east(45_000), 9_000)
    box = (lon - 0.002, lat - 0.002, lon + 0.002, lat + 0.002)
    plan = await sql.fetchval(f"EXPLAIN (FORMAT JSON, ANALYZE) {_AROUND}", *box, lon, lat, None, 60)
    told = json.dumps(json.loads(plan))
    assert "parking_zones_shape_idx" in told
