"""What a report counts is what the crossings and the offers tied to their fences come to."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from datetime import date, time, timedelta
from types import ModuleType

import pytest

from api import report_csv
from geo.errors import InvalidInput
from offers.engine import Engine
from offers.retail import report_table, reporting
from offers.retail.report_rows import Report
from offers.retail.report_table import report_of
from offers.retail.reporting import Asked, By, read_report
from tests.world import NOON, World, send

SIESTA = {"quiet_start": time(11), "quiet_end": time(14)}  # NOON is 12:00 in Helsinki
MANY = 12


async def report(world: World, retailer_id: int, by: By) -> Report:
    asked = Asked(retailer_id=retailer_id, by=by, step="all", since=date(2026, 6, 4), until=date(2026, 6, 5))
    async with world.sql.acquire() as connection:
        return report_of(await read_report(connection, asked, "Europe/Helsinki"))


async def test_considered_is_crossings_times_offers_and_every_one_has_an_outcome(
    world: World, engine: Engine
) -> None:
    await world.has_no_caps()
    shop = await world.retailer()
    near, far = await world.fence(shop), await world.fence(shop, north_m=3000.0)
    # On enter at both, on enter and exit at the first, held over quiet hours at the second.
    both = await world.offer(shop, near, fence_ids=[near, far], triggers=["enter"], priority=9)
    comers = await world.offer(shop, near, triggers=["enter", "exit"])
    waits = await world.offer(shop, far, triggers=["enter"], when_quiet="hold", priority=-9)
    tied = {both: ({near, far}, {"enter"}), comers: ({near}, {"enter", "exit"}), waits: ({far}, {"enter"})}
    await engine.refresh()
    people = [
        *[await world.customer(shop) for _ in range(MANY)],
        *[await world.customer() for _ in range(MANY)],  # no consent to this shop
        *[await world.customer(shop, **SIESTA) for _ in range(MANY)],
    ]
    phones = [await world.phone(one) for one in people]
    # In one place, out of it, and hours later in the other.
    for minutes, north_m in ((0, 0), (5, 800), (6, 900), (60, 3000)):
        await world.moves_to(NOON + timedelta(minutes=minutes))
        at = NOON + timedelta(minutes=minutes)
        await asyncio.gather(*(send(engine, phone, north_m, at) for phone in phones))
    await world.moves_to(NOON + timedelta(hours=3))
    await engine.settle()

    crossings = await world.sql.fetch("SELECT fence_id, kind FROM crossings")
    by_offer = await report(world, shop, "offer_at_fence")
    by_fence = await report(world, shop, "fence")

    assert {one["kind"] for one in crossings} >= {"enter", "exit"}
    expected = {
        (offer, fence): n
        for offer, (fences, kinds) in tied.items()
        for fence in fences
        if (n := sum(one["fence_id"] == fence and one["kind"] in kinds for one in crossings))
    }
    assert {(row.offer_id, row.fence_id): row.counts.considered for row in by_offer.rows} == expected
    assert min(expected.values()) >= 3 * MANY
    kinds = Counter((one["fence_id"], one["kind"]) for one in crossings)
    for row in by_fence.rows:
        told = (row.counts.enters, row.counts.dwells, row.counts.exits)
        assert told == tuple(kinds[row.fence_id, kind] for kind in ("enter", "dwell", "exit"))
    held = 0
    for row in by_offer.rows:
        counts = row.counts
        reasons = sum(n or 0 for n in counts.suppressed.values())
        assert counts.considered == (counts.delivered or 0) + (counts.held or 0) + reasons + (
            counts.suppressed_hidden or 0
        )
        assert counts.held == (counts.let_go or 0) + (counts.waiting or 0)
        held += counts.held or 0
    assert held == MANY
    # What the table says is what became of people.
    deliveries = await world.sql.fetchval("SELECT count(*) FROM deliveries")
    overall = by_offer.overall
    assert (overall.delivered or 0) + (overall.delivered_after_hold or 0) == deliveries
    assert overall.suppressed["no_consent"] == sum(
        n // 3 for n in expected.values()
    )  # a third consented to nothing


async def test_the_csv_adds_up_by_itself(world: World, engine: Engine) -> None:
    shop = await world.retailer()
    fence = await world.fence(shop)
    for _ in range(3):
        await world.offer(shop, fence)
    await engine.refresh()
    phones = [await world.phone(await world.customer(*shops)) for shops in [(shop,)] * 14 + [()] * 3]
    await asyncio.gather(*(send(engine, phone, 0, NOON) for phone in phones))

    rows = list(csv.DictReader(io.StringIO(report_csv.written(await report(world, shop, "fence")))))

    (row,) = rows
    numbers = {name: int(value) for name, value in row.items() if value.isdecimal()}
    assert numbers["considered"] == 3 * numbers["enters"] == 3 * 17
    reasons = sum(n for name, n in numbers.items() if name.startswith("suppressed_"))
    assert numbers["considered"] == numbers["delivered"] + numbers["held"] + reasons
    # Three people without consent are nine decisions: hidden, and what would tell them with them.
    assert (row["suppressed_no_consent"], row["suppressed_outranked"]) == ("", "")
    assert (numbers["delivered"], numbers["suppressed_hidden"]) == (14, 9 + 28)


@pytest.mark.parametrize(("module", "limit"), [(report_table, "MOST_ROWS"), (reporting, "MOST_COUNTED")])
async def test_a_report_that_nobody_could_read_is_refused(
    world: World, engine: Engine, monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str
) -> None:
    shop = await world.retailer()
    await world.offer(shop, await world.fence(shop))
    await engine.refresh()
    await send(engine, await world.phone(await world.customer(shop)), 0, NOON)
    monkeypatch.setattr(module, limit, 0)
    with pytest.raises(InvalidInput) as refused:
        await report(world, shop, "fence")
    assert [fault.field for fault in refused.value.faults] == ["since"]
