"""People in a test's own database, on a clock that stands still, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from offers.buckets import bucket_of
from offers.engine import Engine
from offers.people.customers import CustomerKey
from offers.people.erasure import Erased, erase
from offers.people.joining import confirm_link
from offers.people.linking import LinkCode, create_link_code
from offers.people.proofs import SECRET_BYTES, ProofKey
from offers.people.registration import Application, Registration, register
from tests.world import Phone, World

KEY = ProofKey(bytes(range(SECRET_BYTES)))


@dataclass
class Town:
    """One shop with an offer to whoever enters, and ways to live and leave there."""

    pool: asyncpg.Pool
    world: World
    engine: Engine
    retailer_id: int
    fence_id: int
    offer_id: int

    async def phone(self, installation_id: str = "", code: str | None = None, **said: str) -> Phone:
        """Registers, and consents to everything the shop asks."""
        asked = Application(
            installation_id=installation_id or uuid4().hex,
            platform="android",
            time_zone="Europe/Helsinki",
            language="en",
            link_code=code,
            **said,
        )
        async with self.pool.acquire() as connection, connection.transaction():
            registered = await register(connection, asked)
        assert isinstance(registered, Registration)
        grants = ["location_offers", f"marketing:{self.retailer_id}:push"]
        await self.pool.execute(
            "UPDATE customers SET grants = $2, quiet_start = '00:00', quiet_end = '00:00', age_band = 'adult'"
            " WHERE customer_id = $1",
            registered.customer_id,
            grants,
        )
        customer_id = registered.customer_id
        return Phone(bucket_of(customer_id), customer_id, registered.device_id, registered.token)

    async def code(self, phone: Phone) -> LinkCode:
        async with self.pool.acquire() as connection, connection.transaction():
            return await create_link_code(connection, key_of(phone))

    async def confirms(self, phone: Phone, code: LinkCode) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            assert (await confirm_link(connection, key_of(phone), code.code_id)).state == "confirmed"

    async def joins(self, installation_id: str, first: Phone) -> Phone:
        code = await self.code(first)
        joined = await self.phone(installation_id, code.code)
        await self.confirms(first, code)
        return joined

    async def erases(self, phone: Phone) -> Erased:
        async with self.pool.acquire() as connection, connection.transaction():
            return await erase(connection, key_of(phone), KEY)

    async def is_there(self, customer_id: UUID) -> bool:
        found = await self.pool.fetchval("SELECT 1 FROM customers WHERE customer_id = $1", customer_id)
        return found is not None

    async def rows_of(self, customer_id: UUID) -> set[str]:
        """The tables that have a row of this customer."""
        tables = await self.pool.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'customer_id'"
        )
        return {
            table
            for (table,) in tables
            if await self.pool.fetchval(f"SELECT 1 FROM {table} WHERE customer_id = $1 LIMIT 1", customer_id)
        }


def key_of(phone: Phone) -> CustomerKey:
    return CustomerKey(phone.bucket, phone.customer_id)


async def open_town(pool: asyncpg.Pool, world: World, engine: Engine, *, budget: int | None = None) -> Town:
    await world.has_no_caps()
    retailer_id = await world.retailer("Bakery")
    fence_id = await world.fence(retailer_id)
    offer_id = await world.offer(retailer_id, fence_id, budget=budget, stock=9, ignores_caps=True)
    await engine.refresh()
    return Town(pool, world, engine, retailer_id, fence_id, offer_id)
