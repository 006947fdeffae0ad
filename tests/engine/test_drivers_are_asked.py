"""A car stops where parking is paid: its driver is asked, once, and by no consent but that to parking."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from geo.fixes import Fix
from offers.buckets import bucket_of
from offers.engine import Engine
from offers.engine.answers import FixesAnswer
from offers.parking.prompts import ParkingPrompt
from tests.geo.driving import LAT, LON, Leg, fixes_of
from tests.world import LONG_AGO, METRES_PER_DEGREE, NOON, Phone, World, answered

CAR, WALK, STILL = 12.0, 1.4, 0.0
# 120 s from the south to the place where the zone is, then on foot. It is a Thursday, noon in Helsinki.
TO_THE_SHOP: list[Leg] = [(120.0, CAR), (60.0, STILL), (120.0, WALK)]
STOPPED_M = 120 * CAR
PAID = {"hours": "Mo-Sa 09:00-18:00", "lines": [{"type": "increment", "price_minor": 50, "per_minutes": 15}]}


class City:
    """Zones around where the car stops."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def zone(self, *, north_m: float = STOPPED_M, radius_m: float = 80.0, **rate: Any) -> int:
        operator_id = await self.world.retailer("City")
        terms = {"id": "T", "version": 1, "currency": "EUR", "rates": [{**PAID, **rate}]}
        tariff_id = await self.world.sql.fetchval(
            "INSERT INTO parking_tariffs (retailer_id, external_id, created_at) VALUES ($1, 'T', $2)"
            " RETURNING tariff_id",
            operator_id,
            LONG_AGO,
        )
        await self.world.sql.execute(
            "INSERT INTO parking_tariff_versions (tariff_id, version, terms, published_at)"
            " VALUES ($1, 1, $2, $3)",
            tariff_id,
            json.dumps(terms),
            LONG_AGO,
        )
        zone_id: int = await self.world.sql.fetchval(
            "INSERT INTO parking_zones (retailer_id, code, code_key, name, shape, time_zone, country,"
            " tariff_id, created_at, updated_at) VALUES ($1, 'A1', 'A1', 'Zone', ST_Multi(ST_Buffer("
            "ST_SetSRID(ST_MakePoint($2, $3), 4326)::geography, $4)::geometry),"
            " 'Europe/Helsinki', 'FI', $5, $6, $6)"
            " RETURNING zone_id",
            operator_id,
            LON,
            LAT + north_m / METRES_PER_DEGREE,
            radius_m,
            tariff_id,
            LONG_AGO,
        )
        return zone_id

    async def session(self, phone: Phone, zone_id: int, ends_at: datetime) -> UUID:
        session_id = uuid4()
        await self.world.sql.execute(
            "INSERT INTO parking_sessions (bucket, customer_id, session_id, quote_id, operation_id, zone_id,"
            " tariff_id, tariff_version, classes, plate_hmac, plate_sealed, state, starts_at, ends_at,"
            " covered_until, currency, free_before, created_at) VALUES ($1, $2, $3, $3, $3, $4, 1, 1, '{}',"
            " decode(repeat('00', 32), 'hex'), '', 'active', $5, $6, $6, 'EUR', '[]', $5)",
            *(phone.bucket, phone.customer_id, session_id, zone_id, NOON - timedelta(minutes=5), ends_at),
        )
        return session_id


@pytest.fixture
def city(world: World) -> City:
    return City(world)


async def driver(world: World, *grants: str) -> Phone:
    return await world.phone(await world.customer(grants=list(grants or ["location_parking"])))


def shifted(fixes: Sequence[Fix], at: datetime) -> list[Fix]:
    """The same way, its first fix at this time."""
    return [
        Fix(
            fix_id=uuid4().hex,
            at=at.timestamp() + fix.at - fixes[0].at,
            lat=fix.lat,
            lon=fix.lon,
            accuracy_m=5.0,
            speed_mps=fix.speed_mps,
        )
        for fix in fixes
    ]


async def drives(
    world: World,
    engine: Engine,
    phone: Phone,
    legs: Sequence[Leg] = TO_THE_SHOP,
    at: datetime = NOON,
    **how: Any,
) -> list[ParkingPrompt]:
    """A fix at a time, each sent as it is made; what the phone was asked on the way."""
    asked: list[ParkingPrompt] = []
    for fix in shifted(fixes_of(legs, **how), at):
        now = at + timedelta(seconds=fix.at - at.timestamp())
        await world.moves_to(now)
        asked += (await answered(engine, phone, [fix], now)).parking_prompts
    return asked


async def test_a_car_that_stops_in_a_paid_zone_is_asked_once_whether_to_pay(world, engine, city):
    zone_id = await city.zone()
    phone = await driver(world)
    (asked,) = await drives(world, engine, phone)
    assert (asked.kind, asked.zone_ids, asked.session_id) == ("pay", [zone_id], None)
    row = await world.sql.fetchrow("SELECT * FROM parking_prompts")
    assert (row["prompt_id"], row["device_id"]) == (asked.prompt_id, phone.device_id)
    assert await drives(world, engine, phone, [(300, WALK)], NOON + timedelta(minutes=6)) == []


async def test_nothing_of_it_is_marketing(world, engine, city):
    await city.zone()
    await drives(world, engine, await driver(world))
    for table in ("deliveries", "crossings", "decision_counts"):
        assert await world.sql.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_without_consent_to_parking_nobody_is_asked(world, engine, city):
    await city.zone()
    assert await drives(world, engine, await driver(world, "location_offers")) == []


async def test_whoever_walks_into_a_zone_is_not_asked(world, engine, city):
    await city.zone()
    assert await drives(world, engine, await driver(world), [(1200, WALK), (600, STILL)]) == []


@pytest.mark.parametrize(
    "rate",
    [
        {"hours": "Mo-Sa 18:00-20:00"},
        {"lines": [{"type": "increment", "price_minor": 0, "per_minutes": 15}]},
        {"activity": "no_parking", "lines": []},
    ],
)
async def test_where_nothing_is_to_be_paid_now_nobody_is_asked(world, engine, city, rate):
    await city.zone(**rate)
    assert await drives(world, engine, await driver(world)) == []


async def test_shortly_before_paid_hours_one_is_asked(world, engine, city):
    await city.zone(hours="Mo-Sa 12:10-18:00")
    assert len(await drives(world, engine, await driver(world))) == 1


async def test_where_two_zones_meet_both_are_named_the_likelier_first(world, engine, city):
    near = await city.zone(north_m=STOPPED_M - 38, radius_m=40)
    far = await city.zone(north_m=STOPPED_M + 43, radius_m=40)
    await city.zone(north_m=STOPPED_M + 300, radius_m=40)
    (asked,) = await drives(world, engine, await driver(world))
    assert asked.zone_ids in ([near, far], [near])


async def test_a_car_beside_every_zone_is_not_asked(world, engine, city):
    await city.zone(north_m=STOPPED_M + 120, radius_m=60)
    assert await drives(world, engine, await driver(world)) == []


async def test_whoever_pays_already_is_not_asked(world, engine, city):
    zone_id = await city.zone()
    phone = await driver(world)
    await city.session(phone, zone_id, NOON + timedelta(hours=1))
    assert await drives(world, engine, phone) == []


async def test_two_phones_in_one_car_are_asked_once(world, engine, city):
    await city.zone()
    customer_id = await world.customer(grants=["location_parking"])
    phones = [await world.phone(customer_id) for _ in range(2)]
    asked: list[ParkingPrompt] = []
    ways = [shifted(fixes_of(TO_THE_SHOP), NOON) for _ in phones]
    for fixes in zip(*ways, strict=True):
        now = NOON + timedelta(seconds=fixes[0].at - NOON.timestamp())
        await world.moves_to(now)
        for phone, fix in zip(phones, fixes, strict=True):
            asked += (await answered(engine, phone, [fix], now)).parking_prompts
    assert len(asked) == 1


async def test_parking_anew_in_the_same_zone_soon_is_not_asked_again_and_later_it_is(world, engine, city):
    await city.zone(radius_m=2_000)
    phone = await driver(world)
    assert len(await drives(world, engine, phone)) == 1
    around_the_block = [(60.0, CAR), (150.0, STILL)]
    assert await drives(world, engine, phone, around_the_block, NOON + timedelta(minutes=10)) == []
    assert len(await drives(world, engine, phone, around_the_block, NOON + timedelta(minutes=50))) == 1


async def test_what_is_told_late_is_asked_while_it_matters(world, engine, city):
    await city.zone()
    fixes = shifted(fixes_of(TO_THE_SHOP), NOON)
    soon, late = await driver(world), await driver(world)
    now = NOON + timedelta(minutes=6)
    await world.moves_to(now)
    assert len((await answered(engine, soon, fixes, now)).parking_prompts) == 1
    now = NOON + timedelta(minutes=40)
    await world.moves_to(now)
    assert (await answered(engine, late, fixes, now)).parking_prompts == []


async def test_a_batch_sent_again_is_answered_again_and_asks_nothing_new(world, engine, city):
    await city.zone()
    phone = await driver(world)
    fixes = shifted(fixes_of(TO_THE_SHOP), NOON)
    now = NOON + timedelta(minutes=6)
    await world.moves_to(now)
    first = await answered(engine, phone, fixes, now)
    again = await answered(engine, phone, fixes, now)
    assert again == first
    assert await world.sql.fetchval("SELECT count(*) FROM parking_prompts") == 1


async def test_a_car_that_leaves_while_a_session_runs_is_offered_to_stop_it(world, engine, city):
    zone_id = await city.zone()
    phone = await driver(world)
    await drives(world, engine, phone)
    session_id = await city.session(phone, zone_id, NOON + timedelta(hours=2))
    # Where the driver's way ended is a little north of the zone's middle; the walk back is not told.
    (asked,) = await drives(world, engine, phone, [(300.0, CAR)], NOON + timedelta(hours=1))
    assert (asked.kind, asked.zone_ids, asked.session_id) == ("stop", [zone_id], session_id)
    assert asked.expires_at <= NOON + timedelta(hours=2)
    assert await drives(world, engine, phone, [(300.0, CAR)], NOON + timedelta(minutes=66)) == []
    state = await world.sql.fetchval("SELECT state::text FROM device_states")
    assert json.loads(state)["v"][-1] is False, "nobody looks at every fix whether it has left by now"


async def test_driving_on_within_a_wide_zone_is_not_leaving_it(world, engine, city):
    zone_id = await city.zone(radius_m=3_000)
    phone = await driver(world)
    await drives(world, engine, phone)
    await city.session(phone, zone_id, NOON + timedelta(hours=2))
    assert await drives(world, engine, phone, [(60.0, CAR)], NOON + timedelta(minutes=45)) == []


async def test_walking_out_of_the_zone_is_not_leaving_it(world, engine, city):
    zone_id = await city.zone()
    phone = await driver(world)
    await drives(world, engine, phone)
    await city.session(phone, zone_id, NOON + timedelta(hours=2))
    assert await drives(world, engine, phone, [(1200.0, WALK)], NOON + timedelta(minutes=10)) == []


async def test_a_parked_phone_is_told_to_be_quiet_and_a_driving_one_to_be_heard(world, engine, city):
    phone = await driver(world)
    answers: list[FixesAnswer] = []
    for fix in shifted(fixes_of(TO_THE_SHOP), NOON):
        now = NOON + timedelta(seconds=fix.at - NOON.timestamp())
        await world.moves_to(now)
        answers.append(await answered(engine, phone, [fix], now))
    assert answers[4].quiet_radius_m == 0.0
    assert answers[4].next_fix_after_s == 15
    assert answers[-1].quiet_radius_m > 100
    assert answers[-1].next_fix_after_s > 15


async def test_a_prompt_and_its_state_are_kept_together_or_not_at_all(world, engine, city, monkeypatch):
    await city.zone()
    phone = await driver(world)
    fixes = shifted(fixes_of(TO_THE_SHOP), NOON)
    now = NOON + timedelta(minutes=6)
    await world.moves_to(now)
    await world.sql.execute("ALTER TABLE device_states ADD CONSTRAINT broken CHECK (state IS NULL)")
    with pytest.raises(Exception, match="could not be dealt with"):
        await answered(engine, phone, fixes, now)
    assert await world.sql.fetchval("SELECT count(*) FROM parking_prompts") == 0
    await world.sql.execute("ALTER TABLE device_states DROP CONSTRAINT broken")
    assert len((await answered(engine, phone, fixes, now)).parking_prompts) == 1
    assert bucket_of(phone.customer_id) == phone.bucket
    assert math.isfinite(fixes[0].lat)
