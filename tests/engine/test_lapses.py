"""Consents that lapse by date: up to that moment they count, from it on they do not, whoever comes first."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from geo.errors import Forbidden
from offers.buckets import bucket_of
from offers.engine import Engine
from offers.people.customers import CustomerKey, lock_customers, read_grants
from offers.people.diets import read_diet
from offers.people.lapses import LapseSweep
from offers.people.notices import NewNotice, Text, publish
from tests.world import LONG_AGO, NOON, Phone, World, send

GRACE = timedelta(days=1)
A_SECOND = timedelta(seconds=1)
TEXTS = {"en": Text(title="Newer", text="May we also do this?")}


class Consenting:
    """Customers whose grants are on record, and texts that ask them again after a day of grace."""

    def __init__(self, world: World, pool: asyncpg.Pool) -> None:
        self.world = world
        self.pool = pool

    async def customer(self, *retailer_ids: int) -> UUID:
        customer_id = await self.world.customer(*retailer_ids)
        said = [("location_offers", None, None), *(("marketing", one, "push") for one in retailer_ids)]
        for purpose, retailer_id, channel in said:
            await self.pool.execute(
                "INSERT INTO consents (bucket, customer_id, consent_id, purpose, retailer_id, channel,"
                " is_granted, notice_version, language, method, recorded_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, true, 1, 'en', 'app', $7)",
                bucket_of(customer_id),
                customer_id,
                uuid4(),
                purpose,
                retailer_id,
                channel,
                LONG_AGO,
            )
        return customer_id

    async def asks_again(self, purpose: str, retailer_id: int | None = None) -> datetime:
        """Publish a text; when older answers lapse."""
        async with self.pool.acquire() as connection, connection.transaction():
            new = NewNotice(
                purpose=purpose, retailer_id=retailer_id, asks_again=True, grace_days=1, texts=TEXTS
            )
            now = await connection.fetchval("SELECT alentour_now()")
            version = await publish(connection, new, now)
        assert version.lapses_at == now + GRACE
        return version.lapses_at

    async def grants(self, customer_id: UUID) -> set[str]:
        return set(
            await self.pool.fetchval("SELECT grants FROM customers WHERE customer_id = $1", customer_id)
        )


@pytest.fixture
def consenting(world: World, pool: asyncpg.Pool) -> Consenting:
    return Consenting(world, pool)


async def enters(world: World, engine: Engine, phone: Phone, at: datetime, north_m: float = 0.0) -> int:
    """How many offers a phone is given that was far away and now is in the middle of a fence."""
    await world.moves_to(at - 60 * A_SECOND)
    await send(engine, phone, north_m + 2_000, at - 60 * A_SECOND)
    await world.moves_to(at)
    return len((await send(engine, phone, north_m, at)).deliveries)


@pytest.mark.parametrize(("before", "given"), [(A_SECOND, 1), (0 * A_SECOND, 0), (-A_SECOND, 0)])
async def test_marketing_counts_up_to_the_moment_of_its_lapse_and_no_longer(
    world: World, engine: Engine, consenting: Consenting, before: timedelta, given: int
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    customer_id = await consenting.customer(shop)
    phone = await world.phone(customer_id)
    lapses_at = await consenting.asks_again("marketing", shop)
    await engine.refresh()
    assert await enters(world, engine, phone, lapses_at - before) == given
    left = {"location_offers"} | ({f"marketing:{shop}:push"} if given else set())
    assert await consenting.grants(customer_id) == left


async def test_another_retailers_text_ends_nothing(
    world: World, engine: Engine, consenting: Consenting
) -> None:
    shop, other = await world.retailer(), await world.retailer()
    await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await consenting.customer(shop))
    lapses_at = await consenting.asks_again("marketing", other)
    await engine.refresh()
    assert await enters(world, engine, phone, lapses_at + A_SECOND) == 1


async def test_once_location_has_lapsed_a_fix_is_refused_and_the_place_forgotten(
    world: World, engine: Engine, consenting: Consenting, pool: asyncpg.Pool
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), trigger="dwell")
    phone = await world.phone(await consenting.customer(shop))
    lapses_at = await consenting.asks_again("location_offers")
    await engine.refresh()
    await enters(world, engine, phone, lapses_at - 60 * A_SECOND)
    assert await pool.fetchval("SELECT count(*) FROM timers") == 1
    await world.moves_to(lapses_at)
    with pytest.raises(Forbidden) as refusal:
        await send(engine, phone, 0, lapses_at)
    assert refusal.value.code == "no_location_consent"
    assert await pool.fetchval("SELECT count(*) FROM device_states WHERE state IS NOT NULL") == 0
    assert await pool.fetchval("SELECT count(*) FROM timers") == 0


async def test_a_dwell_that_falls_due_after_the_lapse_is_never_told(
    world: World, engine: Engine, consenting: Consenting, pool: asyncpg.Pool
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), trigger="dwell")
    phone = await world.phone(await consenting.customer(shop))
    lapses_at = await consenting.asks_again("location_offers")
    await engine.refresh()
    await enters(world, engine, phone, lapses_at - 60 * A_SECOND)
    await world.moves_to(lapses_at + 300 * A_SECOND)
    await engine.sweeper.fire_due()
    assert await pool.fetchval("SELECT count(*) FROM crossings WHERE kind = 'dwell'") == 0
    assert await pool.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_when_time_is_advanced_everybodys_lapses_have_been_dealt_with(
    world: World, engine: Engine, consenting: Consenting
) -> None:
    shop = await world.retailer()
    customers = [await consenting.customer(shop) for _ in range(5)]
    lapses_at = await consenting.asks_again("marketing", shop)
    await world.moves_to(lapses_at)
    await engine.settle()
    assert [await consenting.grants(one) for one in customers] == [{"location_offers"}] * 5


async def test_the_sweep_comes_back_for_those_it_found_locked_and_then_searches_no_more(
    world: World, consenting: Consenting, pool: asyncpg.Pool
) -> None:
    shop = await world.retailer()
    customers = [await consenting.customer(shop) for _ in range(7)]
    await world.moves_to(await consenting.asks_again("marketing", shop))
    sweep = LapseSweep(pool, at_once=2)
    held = CustomerKey(bucket_of(customers[3]), customers[3])
    async with pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM customers WHERE customer_id = $1 FOR NO KEY UPDATE", customers[3])
        assert await sweep.sweep() == 6
        assert f"marketing:{shop}:push" in await consenting.grants(customers[3])
        async with pool.acquire() as reader:
            assert await read_grants(reader, held) == {"location_offers"}, "whoever only reads is not fooled"
    assert await sweep.sweep() == 1
    assert await consenting.grants(customers[3]) == {"location_offers"}
    await pool.execute("UPDATE customers SET grants_as_of = NULL")
    assert await sweep.sweep() == 0, "until the next lapse"
    await consenting.asks_again("location_offers")
    await world.moves_to(NOON + 3 * GRACE)
    assert await sweep.sweep() == 7


async def test_grants_from_before_there_was_a_record_lapse_with_no_text(
    world: World, consenting: Consenting, pool: asyncpg.Pool
) -> None:
    """Only an answer under an older text lapses: what no answer says is not undone by one."""
    customer_id = await world.customer(1)
    await world.moves_to(await consenting.asks_again("location_offers"))
    key = CustomerKey(bucket_of(customer_id), customer_id)
    async with pool.acquire() as connection, connection.transaction():
        await lock_customers(connection, key)
    assert await consenting.grants(customer_id) == {"location_offers", "marketing:1:push"}


async def test_a_diet_is_not_kept_beyond_the_lapse_of_its_consent(
    world: World, pool: asyncpg.Pool, consenting: Consenting
):
    await world.stands_still_at(NOON)
    customer_id = await world.customer(grants=["dietary"])
    key = CustomerKey(bucket_of(customer_id), customer_id)
    await pool.execute(
        "INSERT INTO consents (bucket, customer_id, consent_id, purpose, is_granted, notice_version,"
        " language, method, recorded_at) VALUES ($1, $2, $3, 'dietary', true, 1, 'en', 'app', $4)",
        *(*key, uuid4(), LONG_AGO),
    )
    await pool.execute("INSERT INTO customer_diets VALUES ($1, $2, '{nuts}', '{}', $3)", *key, NOON)
    lapses_at = await consenting.asks_again("dietary")
    async with pool.acquire() as connection, connection.transaction():
        await lock_customers(connection, key)
        assert (await read_diet(connection, key)).allergens == ["nuts"], "the grace"
    await world.moves_to(lapses_at)
    async with pool.acquire() as connection, connection.transaction():
        with pytest.raises(Forbidden):
            await read_diet(connection, key)
        await lock_customers(connection, key)
    assert await pool.fetchval("SELECT count(*) FROM customer_diets") == 0
