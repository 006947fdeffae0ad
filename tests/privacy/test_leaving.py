"""Who is not heard of any more goes, what nothing counts goes, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from api.auth import check_device_token
from offers.engine import Engine
from offers.people import leaving, silence
from offers.people.devices import revoke_device
from offers.people.leaving import Leaving, Left, let_go_now
from offers.people.proofs import read_proofs
from offers.periods import (
    DELIVERIES_KEPT,
    DORMANT_AFTER_MONTHS,
    LEFT_CUSTOMERS_KEPT,
    PENDING_DEVICES_KEPT,
    REVOKED_DEVICES_KEPT,
    months,
)
from tests.privacy.people import KEY, Town, key_of, open_town
from tests.privacy.test_erasure_rules import given, redeems
from tests.world import NOON, Phone, World, answered, fix_at, send, start_engine

A_DAY = timedelta(days=1)
DORMANT = months(DORMANT_AFTER_MONTHS)


@pytest.fixture
async def engine(pool: asyncpg.Pool) -> AsyncIterator[Engine]:
    """Whose time passes only where a test says so: dwells would be news of a person."""
    await World(pool).stands_still_at(NOON)
    engine = start_engine(pool)
    await engine.refresh()
    engine.batcher.start()
    yield engine
    await engine.stop()


@pytest.fixture
async def town(pool: asyncpg.Pool, engine: Engine) -> Town:
    return await open_town(pool, World(pool), engine)


async def lets_go(town: Town, **chosen: int) -> Left:
    return await let_go_now(town.pool, Leaving(KEY, **chosen), at_once=2)


async def revokes(town: Town, phone: Phone) -> None:
    async with town.pool.acquire() as connection, connection.transaction():
        await revoke_device(connection, key_of(phone), phone.device_id)


async def test_a_revoked_phone_is_listed_for_a_while_and_then_forgotten(town: Town):
    stays = await town.phone()
    goes = await town.joins("the-phone-that-is-lost", stays)
    await revokes(town, goes)
    await town.world.moves_to(NOON + REVOKED_DEVICES_KEPT)
    assert (await lets_go(town)).devices == 0
    await town.world.moves_to(NOON + REVOKED_DEVICES_KEPT + A_DAY)
    assert (await lets_go(town)).devices == 1
    left = await town.pool.fetch("SELECT device_id FROM devices WHERE customer_id = $1", stays.customer_id)
    assert [row["device_id"] for row in left] == [stays.device_id]
    again = await town.phone("the-phone-that-is-lost")
    assert again.customer_id != stays.customer_id


async def test_a_phone_that_was_never_let_in_is_forgotten_and_the_app_starts_afresh(town: Town):
    host = await town.phone()
    code = await town.code(host)
    await town.phone("the-phone-that-waits", code.code)
    await town.world.moves_to(NOON + PENDING_DEVICES_KEPT + A_DAY)
    assert (await lets_go(town)).devices == 1
    assert (await town.phone("the-phone-that-waits")).customer_id != host.customer_id


async def test_an_old_delivery_of_a_running_offer_goes_on_to_count_without_its_content(town: Town):
    phone, delivery = await given(town, redeemed=True)
    await town.world.moves_to(NOON + DELIVERIES_KEPT + A_DAY)
    assert (await lets_go(town)).deliveries == 1
    rows = await town.rows_of(phone.customer_id)
    assert "earlier_deliveries" in rows
    assert not rows & {"deliveries", "redemptions"}
    kept = await town.pool.fetchrow("SELECT offer_id, decided_at, was_dismissed FROM earlier_deliveries")
    assert tuple(kept) == (town.offer_id, NOON, False)
    totals = await town.pool.fetchrow("SELECT decided, handed, redeemed FROM delivery_totals")
    assert tuple(totals) == (1, 1, 1)
    proven = await read_proofs(town.pool, key_of(phone), KEY)
    assert [one.redeemed_on for one in proven.redemptions] == [NOON.date()]
    assert await town.pool.fetchval("SELECT code_proof FROM redemption_proofs") == KEY.proof(
        "code", delivery.code
    )
    assert await lets_go(town) == Left(), "and nothing a second time"
    await town.pool.execute("UPDATE offers SET status = 'ended'")
    assert (await lets_go(town)).earlier_deliveries == 1


async def test_an_offer_limited_to_once_is_not_given_again_when_its_delivery_is_forgotten(town: Town):
    await town.pool.execute("UPDATE offers SET customer_limit = 1")
    await town.world.edited()
    await town.engine.refresh()
    phone, _ = await given(town)
    later = NOON + DELIVERIES_KEPT + A_DAY
    await town.world.moves_to(later)
    await lets_go(town)
    assert (await send(town.engine, phone, 0, later)).deliveries == []
    reasons = await town.pool.fetch(
        "SELECT outcome AS reason FROM decision_counts WHERE outcome <> 'delivered'"
    )
    assert {row["reason"] for row in reasons} == {"customer_limit"}


async def test_a_young_delivery_and_one_that_may_still_be_redeemed_stay(town: Town):
    await given(town)
    await town.world.moves_to(NOON + DELIVERIES_KEPT + A_DAY)
    await town.pool.execute("UPDATE deliveries SET expires_at = $1", NOON + DELIVERIES_KEPT + 2 * A_DAY)
    assert await lets_go(town) == Left()


async def test_somebody_without_an_active_phone_is_erased_after_a_while(town: Town):
    phone, _ = await given(town, redeemed=True)
    stays, _ = await given(town)
    await revokes(town, phone)
    await town.world.moves_to(NOON + LEFT_CUSTOMERS_KEPT)
    assert (await lets_go(town)).customers == 0
    await town.world.moves_to(NOON + LEFT_CUSTOMERS_KEPT + A_DAY)
    assert (await lets_go(town)).customers == 1
    assert await town.rows_of(phone.customer_id) == set()
    assert await town.is_there(stays.customer_id)
    assert len((await read_proofs(town.pool, key_of(phone), KEY)).redemptions) == 1


async def test_somebody_not_heard_of_is_erased_after_the_months_that_the_operator_chose(town: Town):
    phone = await town.phone()
    await town.world.moves_to(NOON + months(12) + A_DAY)
    assert (await lets_go(town)).customers == 0
    assert (await lets_go(town, dormant_after_months=12)).customers == 1
    assert not await town.is_there(phone.customer_id)


async def test_a_fix_an_answer_and_any_request_are_signs_of_life(town: Town):
    walks, answers, asks, sleeps = [await town.phone() for _ in range(4)]
    recently = NOON + DORMANT - A_DAY
    await town.world.moves_to(recently)
    await answered(town.engine, walks, [fix_at(9_000, recently.timestamp())], recently)
    await town.pool.execute(
        "INSERT INTO consents (bucket, customer_id, consent_id, purpose, is_granted, notice_version,"
        " language, method, recorded_at)"
        " VALUES ($1, $2, gen_random_uuid(), 'measurement', false, 1, 'fr', 'app', $3)",
        *key_of(answers),
        recently,
    )
    async with town.pool.acquire() as connection:
        await check_device_token(connection, f"Bearer {asks.token}")
    await town.world.moves_to(NOON + DORMANT + A_DAY)
    assert (await lets_go(town)).customers == 1
    there = [await town.is_there(one.customer_id) for one in (walks, answers, asks, sleeps)]
    assert there == [True, True, True, False]


async def test_that_a_phone_asked_is_noted_once_a_week_and_waits_for_nobody(town: Town):
    phone = await town.phone()

    async def asks_after(days: int) -> object:
        await town.world.moves_to(NOON + timedelta(days=days))
        async with town.pool.acquire() as connection:
            await check_device_token(connection, f"Bearer {phone.token}")
        return await town.pool.fetchval("SELECT seen_on FROM devices")

    assert await asks_after(7) is None
    assert await asks_after(8) == (NOON + timedelta(days=8)).date()
    assert await asks_after(15) == (NOON + timedelta(days=8)).date()
    async with town.pool.acquire() as busy, busy.transaction():
        await busy.execute("SELECT FROM customers FOR NO KEY UPDATE")
        async with asyncio.timeout(2):
            assert await asks_after(30) == (NOON + timedelta(days=8)).date()


async def test_who_comes_back_while_being_let_go_stays(town: Town, monkeypatch: pytest.MonkeyPatch):
    phone = await town.phone()
    await town.world.moves_to(now := NOON + DORMANT + A_DAY)
    hold = silence.hold

    async def hold_late(*arguments: object) -> object:
        await answered(town.engine, phone, [fix_at(9_000, now.timestamp())], now)
        return await hold(*arguments)

    monkeypatch.setattr(silence, "hold", hold_late)
    assert (await lets_go(town)).customers == 0
    assert await town.is_there(phone.customer_id)


async def test_two_workers_let_go_of_everybody_once(town: Town):
    for _ in range(12):
        phone, delivery = await given(town)
        await redeems(town, delivery.code) if phone.bucket % 2 else None
    await town.world.moves_to(NOON + DORMANT + A_DAY)
    both = await asyncio.gather(lets_go(town), lets_go(town))
    assert sum(one.customers for one in both) == 12
    assert await town.pool.fetchval("SELECT count(*) FROM customers") == 0
    assert await town.pool.fetchval("SELECT sum(decided) FROM delivery_totals") == 12


async def test_a_worker_lets_go_by_itself(town: Town, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(leaving, "EVERY_S", 0.01)
    phone = await town.phone()
    await town.world.moves_to(NOON + DORMANT + A_DAY)
    working = asyncio.create_task(leaving.let_go(town.pool, Leaving(KEY)))
    async with asyncio.timeout(30):
        while await town.is_there(phone.customer_id):  # noqa: ASYNC110 - no event for this
            await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_one_busy_person_and_one_broken_table_hold_up_nobody_else(town: Town, database_url: str):
    busy, free = await town.phone(), await town.phone()
    await given(town)
    await town.world.moves_to(NOON + DORMANT + A_DAY)
    await town.pool.execute("ALTER TABLE delivery_totals ADD CONSTRAINT broken CHECK (false)")
    async with town.pool.acquire() as holder, holder.transaction():
        await holder.execute(
            "SELECT FROM customers WHERE customer_id = $1 FOR NO KEY UPDATE", busy.customer_id
        )
        hurried = {"lock_timeout": "50"}
        async with asyncpg.create_pool(database_url, min_size=1, server_settings=hurried) as impatient:
            await let_go_now(impatient, Leaving(KEY))
    assert await town.is_there(busy.customer_id)
    assert not await town.is_there(free.customer_id)
