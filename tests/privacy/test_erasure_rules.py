"""Erasing one person: what goes along, what stays right for everybody else, and what may race with it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from api.database import SERVER_SETTINGS
from geo.errors import Conflict, NotFound, Unauthenticated
from offers.engine import Engine
from offers.handing import redemption
from offers.handing.live import LiveHub
from offers.handing.redemption import Till, redeem
from offers.people.customers import Gone, lock_customers
from offers.people.devices import revoke_device
from offers.people.erasure import erase
from offers.people.proofs import ProofKey, read_proofs
from offers.people.registration import Application, register
from offers.retail.budgets import Budget, change_budget
from offers.retail.counts import Counts, count_offer
from offers.tables import OfferRow
from tests.concurrency.waiting import until_blocked
from tests.privacy.people import KEY, Town, key_of, open_town
from tests.world import NOON, World, answered, fix_at, send, start_engine

SOON_S = 10.0


@pytest.fixture
async def engine(pool: asyncpg.Pool) -> AsyncIterator[Engine]:
    await World(pool).stands_still_at(NOON)
    engine = start_engine(pool)
    await engine.start()
    yield engine
    await engine.stop()


@pytest.fixture
async def town(pool: asyncpg.Pool, engine: Engine) -> Town:
    return await open_town(pool, World(pool), engine, budget=8)


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    engine = create_async_engine(make_url(database_url).set(drivername="postgresql+asyncpg"))
    async with AsyncSession(engine) as opened:
        yield opened
    await engine.dispose()


async def given(town: Town, *, redeemed: bool = False) -> tuple:
    """A phone that walked in and was given the offer, and the code."""
    phone = await town.phone()
    (delivery,) = (await send(town.engine, phone, 0, NOON)).deliveries
    if redeemed:
        await redeems(town, delivery.code)
    return phone, delivery


async def redeems(town: Town, code: str) -> None:
    till = Till(retailer_id=town.retailer_id, key_id="aaaaaaaaaaaa")
    async with town.pool.acquire() as connection, connection.transaction():
        await redeem(connection, till, code, uuid4())


async def test_reports_do_not_fall_when_people_are_erased(town: Town, session: AsyncSession):
    first, _ = await given(town, redeemed=True)
    second, _ = await given(town)
    before = await count_offer(session, town.offer_id)
    assert (before.decided, before.handed, before.redeemed) == (2, 2, 1)
    await town.erases(first)
    assert await counted(session, town) == before
    await town.erases(second)
    assert await counted(session, town) == before
    assert await town.pool.fetchval("SELECT count(*) FROM deliveries") == 0


async def counted(session: AsyncSession, town: Town) -> Counts:
    await session.rollback()
    return await count_offer(session, town.offer_id)


async def test_units_given_to_somebody_erased_stay_given(town: Town):
    phone, _ = await given(town)
    other, _ = await given(town)
    await town.erases(phone)
    assert await available(town) == 6
    await town.erases(other)
    assert await available(town) == 6


async def available(town: Town) -> int:
    """What is left of the budget of 8 once every lease has come back."""
    await town.pool.execute("UPDATE budget_leases SET expires_at = expires_at - interval '2 minutes'")
    await town.engine.leases.return_expired()
    left: int = await town.pool.fetchval("SELECT deliveries_available FROM offer_budgets")
    return left


async def test_a_lease_all_of_which_went_to_somebody_erased_gives_nothing_back(pool, engine):
    town = await open_town(pool, World(pool), engine, budget=1)
    phone, _ = await given(town)
    await town.erases(phone)
    assert await available(town) == 0


async def test_a_limit_that_is_set_later_counts_what_was_given_to_somebody_erased(pool, engine, session):
    town = await open_town(pool, World(pool), engine)
    phone, _ = await given(town, redeemed=True)
    await town.erases(phone)
    await pool.execute("UPDATE offers SET stopped_at = $1, stopped_by = 'retailer'", NOON)
    offer = await session.get(OfferRow, town.offer_id)
    with pytest.raises(Conflict, match="more is given"):
        await change_budget(session, offer, Budget(deliveries=0, redemptions=9))
    assert await change_budget(session, offer, Budget(deliveries=3, redemptions=9))
    await session.commit()
    left = await pool.fetchrow("SELECT deliveries_available, redeemed FROM offer_budgets")
    assert tuple(left) == (2, 1)


async def test_somebody_erased_leaves_proofs_that_only_the_key_leads_to(town: Town):
    phone, delivery = await given(town, redeemed=True)
    await town.pool.execute(
        "INSERT INTO consents (bucket, customer_id, consent_id, purpose, is_granted, notice_version,"
        " language, method, recorded_at) VALUES ($1, $2, $3, 'measurement', true, 1, 'fr', 'x', $4)",
        *key_of(phone),
        consent_id := uuid4(),
        NOON,
    )
    erased = await town.erases(phone)
    assert (erased.consents_proven, erased.redemptions_proven) == (1, 1)
    proven = await read_proofs(town.pool, key_of(phone), KEY)
    (consent,) = proven.consents
    assert (consent.purpose, consent.granted, consent.recorded_on) == ("measurement", True, NOON.date())
    assert [one.offer_id for one in proven.redemptions] == [town.offer_id]
    kept = await town.pool.fetchrow("SELECT consent_proof, key_name FROM consent_proofs")
    assert tuple(kept) == (KEY.proof("consent", consent_id), KEY.name)
    assert await town.pool.fetchval("SELECT code_proof FROM redemption_proofs") == KEY.proof(
        "code", delivery.code
    )
    other = await read_proofs(town.pool, key_of(phone), ProofKey(b"\1" * 32))
    assert other.consents == other.redemptions == []


async def test_other_people_lose_nothing(town: Town):
    phone, _ = await given(town, redeemed=True)
    other, _ = await given(town, redeemed=True)
    before = await town.rows_of(other.customer_id)
    await town.erases(phone)
    assert await town.rows_of(phone.customer_id) == set()
    assert await town.rows_of(other.customer_id) == before
    answer = await answered(town.engine, other, [fix_at(5, NOON.timestamp())], NOON)
    assert len(answer.fixes) == 1


async def test_who_a_person_was_before_joining_is_erased_along(town: Town):
    first = await town.phone("installation-number-one")
    second = await town.phone("installation-number-two")
    third = await town.phone()
    await send(town.engine, first, 0, NOON)
    joined = await town.joins("installation-number-one", second)
    assert joined.customer_id == second.customer_id
    async with town.pool.acquire() as connection, connection.transaction():
        await revoke_device(connection, key_of(second), second.device_id)
    again = await town.joins("installation-number-one", third)
    assert await town.rows_of(first.customer_id) >= {"customers", "devices", "deliveries", "crossings"}
    assert await town.rows_of(second.customer_id) >= {"customers", "devices", "former_customers"}
    await town.erases(again)
    for one in (first, second, third):
        assert await town.rows_of(one.customer_id) == set()
    assert await town.pool.fetchval("SELECT count(*) FROM installations") == 0


async def test_whose_other_phone_goes_on_is_not_erased_along(town: Town):
    stays = await town.phone("the-phone-that-stays-1")
    goes = await town.joins("the-phone-that-goes-1", stays)
    elsewhere = await town.phone()
    joined = await town.joins("the-phone-that-goes-1", elsewhere)
    assert joined.customer_id == elsewhere.customer_id != goes.customer_id
    await town.erases(joined)
    assert await town.is_there(stays.customer_id)
    assert len((await answered(town.engine, stays, [fix_at(5, NOON.timestamp())], NOON)).fixes) == 1


async def test_a_phone_that_waits_elsewhere_is_taken_back_there(town: Town):
    host = await town.phone()
    code = await town.code(host)
    guest = await town.phone("the-installation-of-a-guest")
    waiting = await town.phone("the-installation-of-a-guest", code.code, label="AB-123-CD")
    assert waiting.customer_id == host.customer_id
    await town.erases(guest)
    assert await town.is_there(host.customer_id)
    left = await town.pool.fetch("SELECT label FROM devices WHERE customer_id = $1", host.customer_id)
    assert [row["label"] for row in left] == [None]
    assert await town.pool.fetchval("SELECT count(*) FROM link_codes") == 0


async def test_erasing_twice_finds_nobody(town: Town):
    phone, _ = await given(town)
    await town.erases(phone)
    with pytest.raises(Gone):
        await town.erases(phone)


async def test_the_longest_life_is_erased_within_the_limits_of_a_request(town: Town, database_url: str):
    phone, _ = await given(town)
    many = {"crossings": ("crossing_id", 50_000), "deliveries": ("delivery_id", 5_000)}
    for table, (id_, number) in many.items():
        columns = await town.pool.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table
        )
        fresh = {
            "delivery_id": "gen_random_uuid()",
            "crossing_id": "gen_random_uuid()",
            "seq": "seq + n",
            "code": "n::text",
            "lease_id": "NULL",
        } | {id_: "gen_random_uuid()"}
        names = [name for (name,) in columns]
        values = ", ".join(fresh.get(name, name) for name in names)
        await town.pool.execute(
            f"INSERT INTO {table} ({', '.join(names)})"
            f" SELECT {values} FROM {table}, generate_series(1, {number}) AS n WHERE customer_id = $1",
            phone.customer_id,
        )
    async with asyncpg.create_pool(database_url, min_size=1, server_settings=SERVER_SETTINGS) as limited:
        town.pool = limited
        await town.erases(phone)
        assert await town.rows_of(phone.customer_id) == set()
        assert await limited.fetchval("SELECT sum(decided) FROM delivery_totals") == 5_001


# Races -------------------------------------------------------------------------------------------


async def test_a_flush_that_waited_for_an_erasure_finds_nobody(town: Town):
    phone, _ = await given(town)
    async with town.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await erase(connection, key_of(phone), KEY)
        flushing = asyncio.create_task(send(town.engine, phone, 0, NOON + timedelta(seconds=1)))
        await until_blocked(town.pool)  # in a lane of the customer's own
        await transaction.commit()
    with pytest.raises(Unauthenticated):
        await flushing
    assert await town.rows_of(phone.customer_id) == set()


async def test_an_erasure_that_waited_for_a_flush_erases_what_it_wrote(town: Town):
    phone = await town.phone()
    async with town.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await lock_customers(connection, key_of(phone))
        erasing = asyncio.create_task(town.erases(phone))
        await until_blocked(town.pool)
        await connection.execute(
            "INSERT INTO crossings (bucket, customer_id, crossing_id, device_id, fence_id, retailer_id, kind,"
            " confidence, occurred_at, recorded_at) VALUES ($1, $2, $3, $4, 1, 1, 'enter', 0.9, $5, $5)",
            *key_of(phone),
            uuid4(),
            phone.device_id,
            NOON,
        )
        await transaction.commit()
    await erasing
    assert await town.rows_of(phone.customer_id) == set()


async def test_fixes_and_an_erasure_at_once_leave_nothing(town: Town):
    phone = await town.phone()

    is_under_way = asyncio.Event()

    async def walks_until_refused() -> None:
        for number in itertools.count():
            await send(town.engine, phone, 400 * (number % 2), NOON + timedelta(seconds=number))
            is_under_way.set()

    walking = asyncio.create_task(walks_until_refused())
    await is_under_way.wait()
    await town.erases(phone)
    with pytest.raises(Unauthenticated):
        await walking
    assert await town.rows_of(phone.customer_id) == set()


async def test_of_two_erasures_at_once_one_finds_nobody(town: Town):
    phone, _ = await given(town)
    said = await asyncio.gather(town.erases(phone), town.erases(phone), return_exceptions=True)
    assert sorted(isinstance(one, Gone) for one in said) == [False, True]


async def test_a_registration_that_waited_for_an_erasure_makes_somebody_new(town: Town):
    phone = await town.phone("an-installation-that-races")
    async with town.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await erase(connection, key_of(phone), KEY)
        registering = asyncio.create_task(town.phone("an-installation-that-races"))
        await until_blocked(town.pool)
        await transaction.commit()
    again = await registering
    assert again.customer_id != phone.customer_id
    assert again.device_id != phone.device_id


async def test_an_erasure_that_waited_for_a_joining_erases_who_it_had_become(town: Town):
    host = await town.phone()
    guest = await town.phone("an-installation-that-joins")
    code = await town.code(host)
    await town.phone("an-installation-that-joins", code.code)
    async with town.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await lock_customers(connection, key_of(host))
        confirming = asyncio.create_task(town.confirms(host, code))
        await until_blocked(town.pool)
        erasing = asyncio.create_task(town.erases(host))
        await until_blocked(town.pool, 2)
        await transaction.commit()
    await asyncio.gather(confirming, erasing)
    assert await town.rows_of(host.customer_id) == await town.rows_of(guest.customer_id) == set()
    assert await town.pool.fetchval("SELECT count(*) FROM installations") == 0


async def test_a_code_of_somebody_erased_meanwhile_is_unknown(town: Town, monkeypatch: pytest.MonkeyPatch):
    phone, delivery = await given(town)

    async def lock_late(connection: asyncpg.Connection, *keys: object) -> object:
        await town.erases(phone)
        return await lock_customers(connection, *keys)

    monkeypatch.setattr(redemption, "lock_customers", lock_late)
    with pytest.raises(NotFound) as refusal:
        await redeems(town, delivery.code)
    assert refusal.value.code == "code_unknown"


async def test_a_link_code_of_somebody_erased_meanwhile_is_refused(town: Town):
    host = await town.phone()
    code = await town.code(host)
    asked = Application(
        installation_id="an-app-that-comes-late",
        platform="ios",
        time_zone="Europe/Paris",
        language="fr",
        link_code=code.code,
    )
    async with town.pool.acquire() as erasing, town.pool.acquire() as joining:
        transaction = erasing.transaction()
        await transaction.start()
        await erase(erasing, key_of(host), KEY)

        async def joins() -> None:
            async with joining.transaction():
                await register(joining, asked)

        waiting = asyncio.create_task(joins())
        await until_blocked(town.pool)
        await transaction.commit()
        with pytest.raises(Conflict) as refusal:
            await waiting
    assert refusal.value.code == "link_code_refused"
    assert await town.pool.fetchval("SELECT count(*) FROM installations") == 0


async def test_the_live_streams_of_somebody_erased_end(town: Town):
    phone, _ = await given(town)
    hub = LiveHub(town.pool)
    listener = hub.listen(key_of(phone), phone.device_id, 10)
    try:
        await town.erases(phone)
        assert not await listener.next(SOON_S)
        assert listener.is_closed
    finally:
        await hub.close()
