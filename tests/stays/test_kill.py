"""kill -9 of a real server between charge and COMMIT: the stay is there once, its driver charged once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.http.kerbs import Kerb
from tests.http.phones import Phone, new_phone
from tests.serving import Server, StartServer

METHODS = ("pm_sandbox_ok", "pm_sandbox_delay", "pm_sandbox_timeout", "pm_sandbox_timeout_capture")
# What a phone that is told so asks about again.
PASSES = {"idempotency_in_flight", "unavailable", "overloaded", "starting"}


class Driver:
    """A phone that wants to park once, and asks again until it knows that it does."""

    def __init__(self, phone: Phone, quote_id: str, method: str) -> None:
        self.phone = phone
        self.method = method
        self.body = {"quote_id": quote_id, "payment_method": method}
        self.key = {"idempotency-key": uuid4().hex}

    async def asks(self) -> httpx.Response:
        return await self.phone.post("/v1/parking/sessions", self.body, headers=self.key)

    async def insists(self) -> dict[str, Any]:
        while True:
            try:
                answer = await self.asks()
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 201:
                told: dict[str, Any] = answer.json()
                return told
            assert answer.status_code in {409, 429, 503}, answer.text
            assert answer.json()["code"] in {"idempotency_in_flight", "unavailable", "overloaded"}, (
                answer.text
            )
            await asyncio.sleep(0.2)


async def soon(is_so: Callable[[], Awaitable[Any]], within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while not await is_so():  # noqa: ASYNC110 - another process does what is waited for
            await asyncio.sleep(0.05)


async def a_minute_passes(pool: asyncpg.Pool) -> None:
    """Of machine time: claims of whoever was killed may be taken over."""
    await pool.execute(
        "UPDATE payments SET look_at = clock_timestamp(),"
        " claimed_until = CASE WHEN claim IS NOT NULL THEN clock_timestamp() END WHERE look_at IS NOT NULL"
    )
    await pool.execute(
        "UPDATE idempotency_keys SET created_at = created_at - interval '61 s' WHERE state = 'in_flight'"
    )


async def in_the_books(pool: asyncpg.Pool) -> tuple[int, int, int]:
    """(what the provider took, what we booked as captured, what all accounts sum up to)."""
    taken = await pool.fetchval("SELECT coalesce(sum(captured_minor), 0)::bigint FROM sandbox_intents")
    booked = "SELECT coalesce(sum(amount_minor), 0)::bigint FROM ledger_entries WHERE kind = 'capture'"
    balance = "SELECT coalesce(sum(amount_minor), 0)::bigint FROM ledger_lines"
    return taken, await pool.fetchval(booked), await pool.fetchval(balance)


@pytest.fixture
async def first(start_server: StartServer, database_url: str) -> Server:
    return start_server(database_url, workers=2)


@pytest.fixture
async def http(first: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=first.url, timeout=30) as client:
        yield client


async def test_killed_between_charge_and_commit_the_stay_is_there_once_and_paid_once(
    first: Server, http: httpx.AsyncClient, pool: asyncpg.Pool, start_server: StartServer
) -> None:
    kerb = await Kerb(http, pool).opens()
    phone = await new_phone(http, country="FR")
    driver = Driver(phone, (await kerb.quote(phone)).json()["quote_id"], "pm_sandbox_delay")
    asking = asyncio.create_task(driver.asks())

    async def is_charged() -> bool:
        return (await in_the_books(pool))[0] == 200

    await soon(is_charged)
    first.kill()
    with pytest.raises(httpx.TransportError):
        await asking
    assert await in_the_books(pool) == (200, 0, 0), "charged, and nothing of it written"
    assert await pool.fetchval("SELECT state FROM parking_sessions") == "pending"

    start_server(first.database_url, workers=2, port=first.port)
    await a_minute_passes(pool)
    told = await driver.insists()

    async def is_active() -> bool:
        return bool(await pool.fetchval("SELECT state FROM parking_sessions") == "active")

    await soon(is_active)
    assert await pool.fetchval("SELECT count(*) FROM parking_sessions") == 1
    assert await pool.fetchval("SELECT count(*) FROM payments") == 1
    assert await in_the_books(pool) == (200, 200, 0)
    again = (await phone.get(f"/v1/parking/sessions/{told['session_id']}")).json()
    assert (again["state"], again["paid_minor"]) == ("active", 200)
    right = await pool.fetchrow("SELECT state, paid_minor FROM parking_rights")
    assert tuple(right) == ("valid", 200)


# Whole servers start in it, again and again.
@pytest.mark.timeout(300)
async def test_killed_again_and_again_every_driver_parks_once_and_pays_once(
    first: Server, http: httpx.AsyncClient, pool: asyncpg.Pool, start_server: StartServer
) -> None:
    kerb = await Kerb(http, pool).opens()
    drivers = []
    for number in range(12):
        phone = await new_phone(http, country="FR")
        quote = await kerb.quote(phone, plate=f"AB-{number + 100}-CD")
        drivers.append(Driver(phone, quote.json()["quote_id"], METHODS[number % len(METHODS)]))
    parking = [asyncio.create_task(driver.insists()) for driver in drivers]
    server = first
    for alive_s in (0.15, 1.0, 2.0):
        await asyncio.sleep(alive_s)
        server.kill()
        server = start_server(first.database_url, workers=2, port=first.port)
        await a_minute_passes(pool)
    told = await asyncio.gather(*parking)

    async def all_are_active() -> bool:
        states = await pool.fetch("SELECT state FROM parking_sessions")
        if {row["state"] for row in states} == {"active"}:
            return True
        await a_minute_passes(pool)
        await asyncio.sleep(1)
        return False

    await soon(all_are_active, 90)
    assert len({one["session_id"] for one in told}) == len(drivers)
    assert await pool.fetchval("SELECT count(*) FROM parking_sessions") == len(drivers)
    assert await pool.fetchval("SELECT count(*) FROM parking_rights WHERE state = 'valid'") == len(drivers)
    owed = 200 * len(drivers)
    assert await in_the_books(pool) == (owed, owed, 0)
