"""Frequency caps while many phones of one customer ask at once."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.concurrency.street import Street, walk_past

DEVICES, FIXES_EACH = 4, 16


async def test_sixty_four_fixes_of_four_devices_at_once_get_two_a_day(street: Street) -> None:
    """Every fix enters another retailer's fence: only "2 per day" can stop the third delivery."""
    shops = await street.shops(DEVICES * FIXES_EACH)
    customers = await street.people(3, shops, phones_each=DEVICES)
    await street.opens()
    entered = 0
    for phones in customers:
        reports = []
        for number, phone in enumerate(phones):
            stretch = shops[number * FIXES_EACH : (number + 1) * FIXES_EACH]
            reports += [street.client.report(phone, fix) for fix in walk_past(stretch)]
        answers = await asyncio.gather(*reports)
        assert Counter(answer.status for answer in answers) == {200: DEVICES * FIXES_EACH}
        told = [delivery["delivery_id"] for answer in answers for delivery in answer.deliveries]
        rows = await street.deliveries_of(phones[0].customer_id)
        assert sorted(told) == sorted(str(row["delivery_id"]) for row in rows)
        assert [row["seq"] for row in rows] == [1, 2]
        enters = [c for answer in answers for c in answer.body["crossings"] if c["kind"] == "enter"]
        assert len(enters) > 2 * DEVICES, "too few chances to break the cap"
        entered += len(enters)
    assert await street.suppressed(shops) == {"frequency_cap": entered - 2 * len(customers)}
