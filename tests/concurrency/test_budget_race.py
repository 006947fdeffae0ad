"""A budget of fifty that three hundred want, over two workers, one of which is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal

from offers.engine.leases import Leases
from tests.concurrency.asking import Answer, fix_at, report_of
from tests.concurrency.street import Shop, Street
from tests.concurrency.waiting import until
from tests.serving import Server
from tests.world import Phone

BUDGET, CROWD, AT_ONCE, ANSWERED_BEFORE_THE_KILL = 50, 300, 60, 30


async def test_a_budget_is_never_passed_and_what_a_killed_worker_held_comes_back(
    street: Street, two_workers: Server
) -> None:
    [shop] = await street.shops(1, budget=BUDGET)
    crowd = [phone for [phone] in await street.people(CROWD, [shop])]
    latecomers = [phone for [phone] in await street.people(CROWD // 2, [shop])]
    await street.opens()
    await _crowd_enters_and_a_worker_dies(street, two_workers, shop, crowd)
    given = await _given(street, shop)
    assert 0 < given <= BUDGET
    await _all_leases_end(street, two_workers, shop)
    available = "SELECT deliveries_available FROM offer_budgets WHERE offer_id = $1"
    assert await street.rows.fetchval(available, shop.offer_id) == BUDGET - given
    told = 0
    for phone in latecomers:
        told += len((await street.client.report(phone, fix_at(shop.north_m))).deliveries)
    assert given + told == BUDGET
    assert await _given(street, shop) == BUDGET


async def _crowd_enters_and_a_worker_dies(
    street: Street, server: Server, shop: Shop, crowd: list[Phone]
) -> None:
    answered = 0
    door = asyncio.Semaphore(AT_ONCE)

    async def enters(phone: Phone) -> Answer:
        nonlocal answered
        report = report_of(fix_at(shop.north_m))
        async with door:
            answer = await street.client.persist("POST", "/v1/fixes", phone.token, report)
        answered += 1
        return answer

    entering = [asyncio.create_task(enters(phone)) for phone in crowd]
    await until(lambda: answered >= ANSWERED_BEFORE_THE_KILL)
    os.kill(server.worker_pids()[0], signal.SIGKILL)
    answers = await asyncio.gather(*entering)
    assert {answer.status for answer in answers} == {200}
    told = [delivery["delivery_id"] for answer in answers for delivery in answer.deliveries]
    rows = await street.rows.fetch("SELECT delivery_id FROM deliveries WHERE offer_id = $1", shop.offer_id)
    assert sorted(told) == sorted(str(row["delivery_id"]) for row in rows)


async def _all_leases_end(street: Street, server: Server, shop: Shop) -> None:
    """No process lives that holds one, and their minute is over."""
    old = set(server.worker_pids())
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: len(set(server.worker_pids()) - old) == 2)
    await street.opens()
    await street.rows.execute(
        "UPDATE budget_leases SET expires_at = clock_timestamp() - interval '1 hour' WHERE offer_id = $1",
        shop.offer_id,
    )
    await Leases(street.rows, 2).return_expired()
    held = "SELECT count(*) FROM budget_leases WHERE offer_id = $1"
    assert await street.rows.fetchval(held, shop.offer_id) == 0


async def _given(street: Street, shop: Shop) -> int:
    given: int = await street.rows.fetchval(
        "SELECT count(*) FROM deliveries WHERE offer_id = $1", shop.offer_id
    )
    return given
