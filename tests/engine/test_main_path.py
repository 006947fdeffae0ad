"""The main path behind the API: one engine, a real database, a clock that stands still."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import asyncpg
import msgspec
import pytest

from api import clock
from geo.errors import Forbidden, TooMany, Unauthenticated, Unavailable
from offers.engine import Engine
from offers.engine.answers import FixesAnswer
from offers.engine.batcher import MOST_OF_ONE_PHONE
from tests.world import NOON, Phone, World, answered, fix_at, send


async def walk_in(world: World, engine: Engine, phone: Phone, start: datetime) -> list[FixesAnswer]:
    """From 300 m outside to the middle, one fix every 15 s."""
    answers = []
    for step, north_m in enumerate((300, 200, 20, 0)):
        at = start + timedelta(seconds=15 * step)
        await world.moves_to(at)
        answers.append(await send(engine, phone, north_m, at))
    return answers


async def test_a_phone_that_walks_in_is_given_the_offer(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop)
    offer = await world.offer(shop, fence)
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    answers = await walk_in(world, engine, phone, NOON)
    assert [fix.status for answer in answers for fix in answer.fixes] == ["accepted"] * 4
    crossings = [crossing for answer in answers for crossing in answer.crossings]
    assert [(crossing.kind, crossing.fence_id) for crossing in crossings] == [("enter", fence)]
    deliveries = [delivery for answer in answers for delivery in answer.deliveries]
    assert [(delivery.offer_id, delivery.title) for delivery in deliveries] == [(offer, "Soup")]
    row = await world.sql.fetchrow("SELECT * FROM deliveries")
    assert row["delivery_id"] == deliveries[0].delivery_id
    assert row["handed_at"] is not None
    assert row["crossing_id"] == crossings[0].crossing_id


async def test_without_marketing_consent_the_crossing_counts_and_nothing_is_said(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    offer = await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await world.customer())
    await engine.refresh()
    answers = await walk_in(world, engine, phone, NOON)
    assert sum(len(answer.crossings) for answer in answers) == 1
    assert not any(answer.deliveries for answer in answers)
    counts = await world.sql.fetch("SELECT offer_id, outcome, n FROM decision_counts")
    assert [tuple(row) for row in counts] == [(offer, "no_consent", 1)]


async def test_without_consent_to_location_a_fix_is_refused_and_nothing_is_kept(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await world.customer(grants=[f"marketing:{shop}:push"]))
    await engine.refresh()
    with pytest.raises(Forbidden) as refusal:
        await send(engine, phone, 0, NOON)
    assert refusal.value.code == "no_location_consent"
    assert await world.sql.fetchval("SELECT count(*) FROM device_states WHERE state IS NOT NULL") == 0
    for table in ("crossings", "deliveries", "timers"):
        assert await world.sql.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_an_unknown_token_is_refused_beside_one_that_is_known(world: World, engine: Engine) -> None:
    known = await world.phone(await world.customer())
    unknown = Phone(known.bucket, known.customer_id, known.device_id, known.token + "x")
    seconds = NOON.timestamp()
    futures = [
        engine.batcher.submit(phone.sends([fix_at(0, seconds)], seconds)) for phone in (unknown, known)
    ]
    with pytest.raises(Unauthenticated):
        await futures[0]
    assert b"accepted" in await futures[1]


async def test_a_retried_batch_gets_its_answer_again(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    seconds = NOON.timestamp()
    fix = fix_at(0, seconds)
    first = await engine.batcher.submit(phone.sends([fix], seconds))
    again = await engine.batcher.submit(phone.sends([fix], seconds + 30))
    assert b'"deliveries":[{' in first
    assert again == first
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 1


async def test_a_silent_phone_dwells_when_the_time_has_come(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop, dwell_s=180)
    await world.offer(shop, fence, trigger="dwell", channel="inbox")
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    await walk_in(world, engine, phone, NOON)
    await world.moves_to(NOON + timedelta(seconds=120))
    await engine.settle()
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 0
    await world.moves_to(NOON + timedelta(seconds=300))
    await engine.settle()
    rows = await world.sql.fetch("SELECT trigger, handed_at FROM deliveries")
    assert [tuple(row) for row in rows] == [("dwell", None)]
    assert await world.sql.fetchval("SELECT count(*) FROM timers") == 0


async def test_a_timer_of_a_revoked_phone_is_forgotten(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), trigger="dwell")
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    await walk_in(world, engine, phone, NOON)
    await world.sql.execute("UPDATE devices SET status = 'revoked', revoked_at = $1", NOON)
    await world.moves_to(NOON + timedelta(seconds=300))
    await engine.settle()
    assert await world.sql.fetchval("SELECT count(*) FROM timers") == 0
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_a_budget_is_never_passed(world: World, engine: Engine) -> None:
    await world.has_no_caps()
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), budget=3)
    phones = [await world.phone(await world.customer(shop)) for _ in range(8)]
    await engine.refresh()
    for phone in phones:
        await send(engine, phone, 0, NOON)
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 3
    reasons = await world.sql.fetch(
        "SELECT outcome, sum(n)::integer FROM decision_counts WHERE outcome <> 'delivered' GROUP BY outcome"
    )
    assert sum(n for _, n in reasons) == 5
    assert {reason for reason, _ in reasons} <= {"budget_spent", "budget_reserved"}


@pytest.mark.parametrize(("was_handed", "given"), [(True, 1), (False, 2)])
async def test_a_cancelled_delivery_counts_in_caps_only_if_a_phone_had_it(
    world: World, engine: Engine, *, was_handed: bool, given: int
) -> None:
    """Somebody may have seen it."""
    await world.has_no_caps()
    await world.cap(1)
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    await world.offer(shop, await world.fence(shop, north_m=1_000))
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    assert len((await send(engine, phone, 0, NOON)).deliveries) == 1
    await world.sql.execute("UPDATE deliveries SET cancelled_at = decided_at")
    if not was_handed:
        await world.sql.execute("UPDATE deliveries SET handed_at = NULL")
    later = NOON + timedelta(minutes=10)
    await world.moves_to(later)
    await send(engine, phone, 1_000, later)
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == given
    reasons = await world.sql.fetch("SELECT outcome FROM decision_counts WHERE outcome <> 'delivered'")
    assert [reason for (reason,) in reasons] == ["frequency_cap"] * (2 - given)


@pytest.mark.parametrize("event", ["dismissed", "less_like_this"])
async def test_an_offer_that_was_waved_away_is_not_given_again(
    world: World, engine: Engine, event: str
) -> None:
    await world.has_no_caps()
    shop = await world.retailer()
    offer = await world.offer(shop, await world.fence(shop))
    await world.sql.execute(
        "UPDATE offers SET fence_ids = fence_ids || $1::bigint", await world.fence(shop, north_m=1_000)
    )
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    assert [one.offer_id for one in (await send(engine, phone, 0, NOON)).deliveries] == [offer]
    await world.sql.execute(f"UPDATE deliveries SET {event}_at = decided_at")
    later = NOON + timedelta(minutes=10)
    await world.moves_to(later)
    answer = await send(engine, phone, 1_000, later)
    assert [crossing.kind for crossing in answer.crossings if crossing.kind == "enter"] == ["enter"]
    assert answer.deliveries == []
    reasons = await world.sql.fetch("SELECT outcome FROM decision_counts WHERE outcome <> 'delivered'")
    assert [tuple(row) for row in reasons] == [("dismissed",)]


async def test_one_poisoned_customer_in_a_hundred_costs_nobody_else_an_answer(
    world: World, engine: Engine
) -> None:
    phones = [await world.phone(await world.customer()) for _ in range(100)]
    await world.sql.execute(
        "UPDATE device_states SET state = '{\"f\": 7}' WHERE device_id = $1", phones[41].device_id
    )
    seconds = NOON.timestamp()
    futures = [engine.batcher.submit(phone.sends([fix_at(0, seconds)], seconds)) for phone in phones]
    answered = 0
    for position, future in enumerate(futures):
        if position == 41:
            with pytest.raises(Exception, match="could not be dealt with"):
                await future
        else:
            answered += b"accepted" in await future
    assert answered == 99


@pytest.mark.parametrize("is_monitored", [True, False])
async def test_presence_stays_credible_longer_where_the_phones_system_watches_the_fence(
    world: World, engine: Engine, *, is_monitored: bool
) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop, dwell_s=3600)
    await world.offer(shop, fence, trigger="dwell", channel="inbox")
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    seconds = NOON.timestamp()
    sent = phone.sends([fix_at(0, seconds)], seconds)
    sent.monitored = (fence,) if is_monitored else ()
    await engine.batcher.submit(sent)
    await world.moves_to(NOON + timedelta(hours=1, seconds=1))
    await engine.settle()
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == int(is_monitored)


async def test_a_timer_that_fails_holds_up_no_other(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), trigger="dwell", channel="inbox")
    phones = [await world.phone(await world.customer(shop, channel="inbox")) for _ in range(3)]
    await engine.refresh()
    for phone in phones:
        await send(engine, phone, 0, NOON)
    await world.sql.execute(
        "UPDATE device_states SET state = '{\"f\": 7}' WHERE device_id = $1", phones[0].device_id
    )
    await world.moves_to(NOON + timedelta(seconds=300))
    assert await engine.sweeper.fire_due() == 2
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 2
    assert await world.sql.fetchval("SELECT count(*) FROM timers") == 1


async def test_a_long_step_of_time_tells_a_dwell_while_it_is_fresh(
    world: World, engine: Engine, pool: asyncpg.Pool
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop, dwell_s=180), trigger="dwell", channel="inbox")
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    until, reached = NOON + timedelta(minutes=9), NOON
    while reached < until:
        async with pool.acquire() as connection, connection.transaction():
            reached = (await clock.advance(connection, until)).now
        await engine.settle()
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 1
    assert await world.sql.fetchval("SELECT alentour_now()") == until


async def test_an_offer_that_begins_after_the_visit_did_still_gets_its_dwell(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop, dwell_s=180)
    phone = await world.phone(await world.customer(shop, channel="inbox"))
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await world.offer(shop, fence, trigger="dwell", channel="inbox")
    await world.moves_to(NOON + timedelta(seconds=181))
    await engine.settle()
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 1


async def test_a_limit_that_this_worker_has_not_heard_of_is_held_by_the_database(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    offer = await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    await world.sql.execute(
        "UPDATE offer_budgets SET deliveries_total = 1, deliveries_available = 1 WHERE offer_id = $1", offer
    )
    with pytest.raises(Unavailable):
        await send(engine, phone, 0, NOON)
    assert await world.sql.fetchval("SELECT count(*) FROM deliveries") == 0
    await world.edited()
    await engine.refresh()
    assert len((await send(engine, phone, 0, NOON)).deliveries) == 1
    assert await world.sql.fetchval("SELECT lease_id IS NOT NULL FROM deliveries")


async def test_the_wait_in_the_queue_is_not_the_phones(world: World, engine: Engine) -> None:
    await world.sql.execute("UPDATE clock SET ticking_since = clock_timestamp()")
    phone = await world.phone(await world.customer())
    sent = phone.sends([fix_at(0, NOON.timestamp())], NOON.timestamp())
    waiting = engine.batcher.submit(sent)
    sent.arrived_at -= 30
    await waiting
    state = await world.sql.fetchval("SELECT state FROM device_states WHERE device_id = $1", phone.device_id)
    now = await world.sql.fetchval("SELECT alentour_now()")
    age_s = now.timestamp() - msgspec.json.decode(state)["l"][0]
    assert 29 < age_s < 60


async def test_the_same_crossing_found_again_is_neither_a_fault_nor_a_second_offer(
    world: World, engine: Engine
) -> None:
    await world.has_no_caps()
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    fix = fix_at(0, NOON.timestamp())
    await engine.batcher.submit(phone.sends([fix], NOON.timestamp()))
    await world.sql.execute("UPDATE device_states SET state = NULL")  # as a withdrawal does
    answer = await answered(engine, phone, [fix], NOON)
    assert [crossing.kind for crossing in answer.crossings] == ["enter"]
    assert answer.deliveries == []
    for table in ("crossings", "deliveries"):
        assert await world.sql.fetchval(f"SELECT count(*) FROM {table}") == 1


async def test_two_exits_that_a_timers_dwell_holds_back_to_one_moment_are_one(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    await world.fence(shop, dwell_s=180)
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    await send(engine, phone, 0, NOON)
    await world.moves_to(NOON + timedelta(seconds=181))
    await engine.settle()
    # What the phone had kept in a tunnel: out at 60 s, in again at 105 s, out at 180 s.
    track = [(60, 300), (75, 400), (105, 0), (120, 0), (180, 300), (195, 400)]
    fixes = [fix_at(north_m, NOON.timestamp() + after_s) for after_s, north_m in track]
    await world.moves_to(NOON + timedelta(seconds=240))
    answer = await answered(engine, phone, fixes, NOON + timedelta(seconds=240))
    assert sorted(crossing.kind for crossing in answer.crossings) == ["enter", "exit"]


@pytest.mark.parametrize("doubtful", ["mocked", "too fast", "late"])
async def test_a_fix_that_is_not_believed_gives_the_phone_no_leave_to_be_silent(
    world: World, engine: Engine, doubtful: str
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    await send(engine, phone, 150, NOON)
    now = NOON + timedelta(seconds=15)
    await world.moves_to(now)
    fix = fix_at(50_000, now.timestamp() - (600 if doubtful == "late" else 0))
    if doubtful == "mocked":
        fix = msgspec.structs.replace(fix, mocked=True)
    answer = await answered(engine, phone, [fix], now)
    assert answer.fixes[0].status != "accepted"
    assert (answer.quiet_radius_m, answer.next_fix_after_s) == (0.0, 15)


async def test_a_phone_that_is_to_dwell_is_heard_before_its_presence_stops_being_credible(
    world: World, engine: Engine
) -> None:
    shop = await world.retailer()
    await world.fence(shop, radius_m=9_000, dwell_s=3_600)
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    assert (await send(engine, phone, 0, NOON)).next_fix_after_s < 600
    elsewhere = await world.phone(await world.customer(shop))
    assert (await send(engine, elsewhere, 60_000, NOON)).next_fix_after_s == 900


async def test_outcomes_come_in_the_order_of_the_request(world: World, engine: Engine) -> None:
    phone = await world.phone(await world.customer())
    seconds = NOON.timestamp()
    ids = ["newest", "oldest", "between"]
    fixes = [fix_at(0, seconds - age_s, fix_id=name) for name, age_s in zip(ids, (0, 60, 30), strict=True)]
    answer = await answered(engine, phone, fixes, NOON)
    assert [(fix.fix_id, fix.status) for fix in answer.fixes] == [(name, "accepted") for name in ids]


async def test_a_lease_that_has_ended_for_the_database_cannot_be_spent(world: World, engine: Engine) -> None:
    """A machine that slept: the worker's own clock has not moved, the database's has."""
    await world.has_no_caps()
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop), budget=16)
    phones = [await world.phone(await world.customer(shop)) for _ in range(20)]
    await engine.refresh()
    given = len((await send(engine, phones[0], 0, NOON)).deliveries)
    await world.sql.execute("UPDATE budget_leases SET expires_at = expires_at - interval '2 minutes'")
    await engine.leases.return_expired()
    for phone in phones[1:]:
        given += len((await send(engine, phone, 0, NOON)).deliveries)
    assert given == await world.sql.fetchval("SELECT count(*) FROM deliveries") == 16


async def test_one_batch_may_use_several_units_of_a_small_budget(world: World, engine: Engine) -> None:
    await world.has_no_caps()
    shop = await world.retailer()
    fences = [await world.fence(shop), await world.fence(shop, north_m=1000)]
    offer = await world.offer(shop, fences[0], budget=8, stale_after_s=900, fence_ids=fences)
    phone = await world.phone(await world.customer(shop))
    await engine.refresh()
    seconds = NOON.timestamp()
    way = [fix_at(0, seconds - 300), fix_at(500, seconds - 200), fix_at(600, seconds - 150)]
    answer = await answered(engine, phone, [*way, fix_at(1000, seconds)], NOON)
    assert [delivery.offer_id for delivery in answer.deliveries] == [offer, offer]


async def test_a_database_without_a_free_connection_is_asked_once_for_a_whole_flush(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    phones = [await world.phone(await world.customer()) for _ in range(16)]
    tries = []

    class Full:
        def acquire(self) -> None:
            tries.append(1)
            raise asyncpg.TooManyConnectionsError("sorry, too many clients already")

    monkeypatch.setattr(engine._flusher, "_pool", Full())
    outcomes = await asyncio.gather(
        *(engine.batcher.submit(phone.sends([fix_at(0, 0.0)], 0.0)) for phone in phones),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    assert len(tries) == 1


async def test_one_phone_cannot_fill_the_queue(world: World, engine: Engine) -> None:
    phone, other = [await world.phone(await world.customer()) for _ in range(2)]
    seconds = NOON.timestamp()
    many = [
        phone.sends([fix_at(0, seconds + number / 100)], seconds + 1)
        for number in range(MOST_OF_ONE_PHONE + 1)
    ]
    accepted = [engine.batcher.submit(sent) for sent in many[:MOST_OF_ONE_PHONE]]
    with pytest.raises(TooMany):
        engine.batcher.submit(many[MOST_OF_ONE_PHONE])
    assert b"accepted" in await engine.batcher.submit(other.sends([fix_at(0, seconds)], seconds))
    await asyncio.gather(*accepted)
    assert b"accepted" in await engine.batcher.submit(phone.sends([fix_at(0, seconds)], seconds))


async def test_a_device_that_waits_to_be_let_in_is_told_so(world: World, engine: Engine) -> None:
    phone = await world.phone(await world.customer())
    await world.sql.execute("UPDATE devices SET status = 'pending'")
    with pytest.raises(Forbidden) as refusal:
        await send(engine, phone, 0, NOON)
    assert refusal.value.code == "device_pending"
