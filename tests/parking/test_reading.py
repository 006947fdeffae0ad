"""What stays build on: a zone, the tariff that holds in it, and the classes of a plate."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

from geo.errors import NotFound
from offers.parking.permits import classes_of_plate
from offers.parking.plate_keys import PlateKey
from offers.parking.plates import Plate
from offers.parking.tariff_versions import read_version, tariff_of_zone
from offers.parking.tariffs import read_tariff
from offers.parking.zones import read_zone, zones_by_code
from tests.http.shops import Shop
from tests.parking.operators import make_zone, publish, rectangle, tariff

KEY = PlateKey(b"\x01" * 32, (PlateKey(b"\x02" * 32),))
CAR = Plate("FR", "AB123CD")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_the_tariff_of_a_zone_is_the_version_that_holds_and_a_pinned_one_stays(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    first = tariff(version=1, valid_from="2096-01-01T00:00:00Z")
    second = tariff(version=2, price_minor=150, valid_from="2097-01-01T00:00:00Z")
    (made, _) = await publish(shop, first, second)
    zone = await read_zone(sql, (await make_zone(shop, "READ", tariff="centre"))["id"])

    before, during, after = [
        await tariff_of_zone(sql, zone, day(when)) for when in ("2095-12-31", "2096-06-01", "2097-01-01")
    ]

    assert before is None
    assert during is not None
    assert after is not None
    assert (during.tariff_id, during.version, after.version) == (made["tariff_id"], 1, 2)
    assert during.tariff == read_tariff({**first, "valid_until": "2097-01-01T00:00:00Z"})
    assert await read_version(sql, made["tariff_id"], 1) == during
    with pytest.raises(NotFound):
        await read_version(sql, made["tariff_id"], 3)


async def test_a_zone_is_read_by_its_id_or_its_sign(shop: Shop, sql: asyncpg.Connection) -> None:
    made = await make_zone(shop, "by sign 1", capacity=4)
    zone = await read_zone(sql, made["id"])
    assert await zones_by_code(sql, "BYSIGN1", shop.retailer_id) == [zone]
    assert (zone.is_open, zone.tariff_id, zone.capacity) == (True, None, 4)
    assert await tariff_of_zone(sql, zone, day("2026-06-01")) is None
    await shop.client.post(f"/v1/retailers/{shop.retailer_id}/stop")
    assert (await read_zone(sql, made["id"])).is_open is False
    with pytest.raises(NotFound):
        await read_zone(sql, 2**62)


async def test_the_classes_of_a_plate_are_those_of_its_permits_there_and_then(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    here = await read_zone(sql, (await make_zone(shop, "HERE"))["id"])
    there = await read_zone(sql, (await make_zone(shop, "THERE", rectangle(200, 0, 300, 90)))["id"])
    older = KEY.older[0].hmac(CAR)
    for hmac, user_class, zone_ids in (
        (KEY.hmac(CAR), "resident", [here.zone_id]),
        (older, "doctor", None),
        (KEY.hmac(Plate("FI", "AB123")), "craft", None),
    ):
        await sql.execute(
            "INSERT INTO parking_permits (retailer_id, plate_hmac, key_name, user_class, zone_ids,"
            " valid_from, valid_until, created_at, updated_at) VALUES ($1, $2, 'k', $3, $4, $5, $6, $5, $5)",
            *(shop.retailer_id, hmac, user_class, zone_ids, day("2026-01-01"), day("2027-01-01")),
        )
    hmacs = KEY.hmacs(CAR)
    assert await classes_of_plate(sql, here, hmacs, day("2026-06-01")) == {"resident", "doctor"}
    assert await classes_of_plate(sql, there, hmacs, day("2026-06-01")) == {"doctor"}
    assert await classes_of_plate(sql, here, hmacs, day("2027-01-01")) == set()
