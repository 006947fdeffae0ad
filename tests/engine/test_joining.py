"""Limits hold for the person: joining another customer with a second phone is no way around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from offers.buckets import bucket_of
from offers.engine import Engine
from offers.people.customers import CustomerKey
from offers.people.devices import revoke_device
from offers.people.joining import confirm_link
from offers.people.linking import LinkCode, create_link_code
from offers.people.registration import Application, Registration, register
from tests.engine.test_main_path import send
from tests.world import Phone, World, start_engine

NOON = datetime(2026, 6, 4, 9, 0, tzinfo=UTC)  # in Helsinki
SHOPS = 6


class People:
    """Phones that register, each as a customer who never sleeps and consents to every shop."""

    def __init__(self, pool: asyncpg.Pool, world: World, engine: Engine, shops: list[int]) -> None:
        self.pool = pool
        self.world = world
        self.engine = engine
        self.grants = ["location_offers", *(f"marketing:{shop}:push" for shop in shops)]
        self._visits = 0

    async def phone(self, installation_id: str, code: str | None = None) -> Phone:
        async with self.pool.acquire() as connection, connection.transaction():
            registered = await register(
                connection,
                Application(
                    installation_id=installation_id,
                    platform="android",
                    time_zone="Europe/Helsinki",
                    language="en",
                    link_code=code,
                    age_band="adult",
                ),
            )
        assert isinstance(registered, Registration)
        await self.pool.execute(
            "UPDATE customers SET grants = $2, quiet_start = '00:00', quiet_end = '00:00'"
            " WHERE customer_id = $1",
            registered.customer_id,
            self.grants,
        )
        customer_id = registered.customer_id
        return Phone(bucket_of(customer_id), customer_id, registered.device_id, registered.token)

    async def code(self, phone: Phone) -> LinkCode:
        async with self.pool.acquire() as connection, connection.transaction():
            return await create_link_code(connection, key_of(phone))

    async def joins(self, installation_id: str, first: Phone) -> Phone:
        """Joins, and the first phone says yes."""
        code = await self.code(first)
        joined = await self.phone(installation_id, code.code)
        async with self.pool.acquire() as connection, connection.transaction():
            assert (await confirm_link(connection, key_of(first), code.code_id)).state == "confirmed"
        return joined

    async def revokes(self, phone: Phone, device_id: UUID) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await revoke_device(connection, key_of(phone), device_id)

    async def visits(self, phone: Phone, shops: int) -> int:
        """Visits the next shops, ten minutes apart; how many offers that brought."""
        given = 0
        for _ in range(shops):
            at = NOON + timedelta(minutes=10 * self._visits)
            await self.world.moves_to(at)
            given += len((await send(self.engine, phone, 1000 * self._visits, at)).deliveries)
            self._visits += 1
        return given


@pytest.fixture
async def people(pool: asyncpg.Pool) -> AsyncIterator[People]:
    world = World(pool)
    await world.stands_still_at(NOON)
    shops = [await world.retailer() for _ in range(SHOPS)]
    for number, shop in enumerate(shops):
        await world.offer(shop, await world.fence(shop, north_m=1000 * number))
    engine = start_engine(pool)
    await engine.start()
    yield People(pool, world, engine, shops)
    await engine.stop()


def key_of(phone: Phone) -> CustomerKey:
    return CustomerKey(phone.bucket, phone.customer_id)


def installation() -> str:
    return uuid4().hex


async def test_a_phone_that_joins_is_not_given_more_a_day(people):
    mine = installation()
    assert await people.visits(await people.phone(mine), 3) == 2
    first = await people.phone(installation())
    assert await people.visits(await people.joins(mine, first), 2) == 0


async def test_what_counts_goes_along_through_two_joinings(people):
    mine = installation()
    assert await people.visits(await people.phone(mine), 2) == 2
    first = await people.phone(installation())
    await people.joins(mine, first)
    await people.revokes(first, first.device_id)
    assert await people.visits(await people.joins(mine, await people.phone(installation())), 2) == 0


async def test_what_was_given_counts_where_other_phones_go_on_and_not_for_who_leaves(people):
    mine = installation()
    phone = await people.phone(mine)
    stays = await people.joins(installation(), phone)
    assert await people.visits(phone, 2) == 2
    first = await people.phone(installation())
    left = await people.joins(mine, first)
    assert await people.visits(stays, 1) == 0
    assert await people.visits(left, 1) == 1


async def test_what_nobody_was_handed_does_not_count(people):
    mine = installation()
    assert await people.visits(await people.phone(mine), 2) == 2
    await people.pool.execute("UPDATE deliveries SET handed_at = NULL")
    first = await people.phone(installation())
    assert await people.visits(await people.joins(mine, first), 2) == 2


async def test_an_offer_that_was_dismissed_stays_so(people):
    await people.world.has_no_caps()
    await people.engine.refresh()
    mine = installation()
    phone = await people.phone(mine)
    assert await people.visits(phone, 1) == 1
    await people.pool.execute("UPDATE deliveries SET dismissed_at = decided_at")
    joined = await people.joins(mine, await people.phone(installation()))
    at = NOON + timedelta(hours=2)
    await people.world.moves_to(at)
    assert (await send(people.engine, joined, 0, at)).deliveries == []
