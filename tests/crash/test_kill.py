"""kill -9 of a worker, of the server and of PostgreSQL, again and again, under a stream of fixes.

What was acknowledged is there afterwards, what was not is settled by sending it again, nothing is
there twice, and the embedded cluster comes back by itself. It runs as installed, fsync included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from tests.concurrency.asking import GENEROUS, Client
from tests.concurrency.conftest import let_it_be_noon
from tests.concurrency.street import Shop, Street
from tests.crash.machine import Machine
from tests.crash.walkers import Walker, Walkers
from tests.serving import StartServer

SHOPS, CUSTOMERS, PHONES_EACH = 140, 6, 2
BUDGET, A_DAY = 5, 2
ACKNOWLEDGED_PER_ROUND = 45
ROUNDS = ("worker", "postgres", "worker", "server", "postgres", "worker", "everything") * 2


@pytest.fixture
async def machine(start_server: StartServer, short_folder: Path) -> AsyncIterator[Machine]:
    machine = Machine(start_server, short_folder / "crash")
    await machine.starts()
    await let_it_be_noon(machine.database_url)
    yield machine
    print(machine.server.log_text()[-4000:])  # noqa: T201 - pytest shows it where the test failed


# Whole servers start in it, again and again.
@pytest.mark.timeout(300)
async def test_killed_again_and_again_it_loses_nothing_acknowledged_and_repeats_nothing(
    machine: Machine,
) -> None:
    async with aiohttp.ClientSession(timeout=GENEROUS, connector=aiohttp.TCPConnector(limit=0)) as http:
        client = Client(http, machine.server.url, longest_wait_s=0.2)
        async with asyncpg.create_pool(machine.database_url, min_size=1, max_size=4) as rows:
            walkers = await _fill(Street(rows, client, 0.0))
        async with walkers.walking():
            for part in ROUNDS:
                await walkers.acknowledge(ACKNOWLEDGED_PER_ROUND)
                await machine.loses(part)
            await walkers.acknowledge(ACKNOWLEDGED_PER_ROUND)
        assert client.broken_off > 0, "nobody was in the middle of anything"
        await machine.loses("everything")
        await walkers.ask_for_their_last_answer_again()
    async with asyncpg.create_pool(machine.database_url, min_size=1, max_size=4) as rows:
        await _check(Street(rows, client, 0.0), walkers)


async def _fill(street: Street) -> Walkers:
    """Shops of three kinds by turns: without any limit, under the customer's caps, with a budget."""
    shops = await street.shops(SHOPS, ignores_caps=True, counts_toward_caps=False)
    await street.rows.execute(
        "UPDATE offers SET ignores_caps = false, counts_toward_caps = true WHERE offer_id = ANY($1)",
        [shop.offer_id for shop in _capped(shops)],
    )
    await street.rows.execute(
        "UPDATE offer_budgets SET deliveries_total = $2, deliveries_available = $2 WHERE offer_id = ANY($1)",
        [shop.offer_id for shop in _budgeted(shops)],
        BUDGET,
    )
    await street.world.edited()
    walkers = Walkers(street.client, await street.people(CUSTOMERS, shops, phones_each=PHONES_EACH), shops)
    await street.opens()
    return walkers


async def _check(street: Street, walkers: Walkers) -> None:
    for phones in walkers.people:
        walks = [walkers.of_phone[phone.device_id] for phone in phones]
        rows = await street.deliveries_of(phones[0].customer_id)
        told = [delivery for walk in walks for answer in walk.answers for delivery in answer.deliveries]
        assert sorted(one["delivery_id"] for one in told) == sorted(str(row["delivery_id"]) for row in rows)
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        assert sum(row["counts_toward_caps"] for row in rows) == A_DAY
        for walk in walks:
            _check_shops_without_limit(walk, walkers.shops)
            await _check_crossings(street, walk)
    given = await street.rows.fetch("SELECT offer_id, count(*) AS n FROM deliveries GROUP BY offer_id")
    of_offer = {row["offer_id"]: row["n"] for row in given}
    assert all(of_offer.get(shop.offer_id, 0) <= BUDGET for shop in _budgeted(walkers.shops))


def _check_shops_without_limit(walk: Walker, shops: Sequence[Shop]) -> None:
    """Each was given exactly once, in the answer to the report from its door."""
    for shop, answer in list(zip(shops, walk.answers, strict=False))[::3]:
        assert [delivery["offer_id"] for delivery in answer.deliveries] == [shop.offer_id]


async def _check_crossings(street: Street, walk: Walker) -> None:
    """Every crossing that was told is in the rows, and no other; no shop was entered twice."""
    told = [crossing for answer in walk.answers for crossing in answer.body["crossings"]]
    rows = await street.rows.fetch(
        "SELECT crossing_id FROM crossings WHERE bucket = $1 AND customer_id = $2 AND device_id = $3",
        walk.phone.bucket,
        walk.phone.customer_id,
        walk.phone.device_id,
    )
    assert sorted(one["crossing_id"] for one in told) == sorted(str(row["crossing_id"]) for row in rows)
    entered = Counter(crossing["fence_id"] for crossing in told if crossing["kind"] == "enter")
    assert len(entered) == len(walk.answers)
    assert set(entered.values()) == {1}


def _capped(shops: Sequence[Shop]) -> Sequence[Shop]:
    return shops[1::3]


def _budgeted(shops: Sequence[Shop]) -> Sequence[Shop]:
    return shops[2::3]
