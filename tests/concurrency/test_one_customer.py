"""Two workers and one customer: nobody waits for ever, and the numbers run on without gaps.

And the other way round: one customer whose rows are broken, and ninety-nine others.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.concurrency.asking import Answer, fix_at
from tests.concurrency.street import Shop, Street, walk_past
from tests.serving import Server
from tests.world import Phone

PHONES, SHOPS = 4, 25


async def test_two_workers_hammering_one_customer_answer_everything_in_one_order(street: Street) -> None:
    """Four phones, inbox and preferences of one customer at once; every other offer has a budget."""
    limitless: dict[str, Any] = {"ignores_caps": True, "counts_toward_caps": False}
    shops = await street.shops(SHOPS, of_one_retailer=True, **limitless)
    for shop in shops[::2]:
        await street.world.offer(
            shop.retailer_id, shop.fence_id, budget=1000, priority=1, stale_after_s=900, **limitless
        )
    [phones] = await street.people(1, shops, phones_each=PHONES)
    await street.opens()
    walks, asked = await asyncio.gather(
        asyncio.gather(*(_walk(street, phone, shops) for phone in phones)),
        asyncio.gather(*(_meddle(street, phone) for phone in phones)),
    )
    answers = [answer for walk in walks for answer in walk]
    assert Counter(answer.status for answer in answers) == {200: PHONES * SHOPS}
    assert Counter(answer.status for answers in asked for answer in answers) == {200: PHONES * SHOPS}
    told = sorted((one for answer in answers for one in answer.deliveries), key=lambda one: one["seq"])
    rows = await street.deliveries_of(phones[0].customer_id)
    assert [row["seq"] for row in rows] == list(range(1, PHONES * SHOPS + 1))
    assert [one["delivery_id"] for one in told] == [str(row["delivery_id"]) for row in rows]
    decided = [row["decided_at"] for row in rows]
    assert decided == sorted(decided)


async def test_a_burst_of_one_customer_is_answered_and_nobody_is_sent_away(street: Street) -> None:
    shops = await street.shops(5, of_one_retailer=True, budget=1000)
    [phones] = await street.people(1, shops, phones_each=PHONES * 10)
    [[other]] = await street.people(1, shops)
    await street.opens()
    burst = [street.client.report(phone, fix) for fix in walk_past(shops) for phone in phones]
    answers = await asyncio.gather(*burst, street.client.report(other, fix_at(shops[0].north_m)))
    assert Counter(answer.status for answer in answers) == {200: len(burst) + 1}
    assert street.client.sent_away == 0
    assert len(await street.deliveries_of(phones[0].customer_id)) == 1
    assert len(answers[-1].deliveries) == 1


async def test_one_poisoned_customer_in_a_hundred_costs_nobody_else_an_answer(
    street: Street, two_workers: Server
) -> None:
    shops = await street.shops(1)
    phones = [phone for [phone] in await street.people(100, shops)]
    poisoned = phones[41]
    await street.rows.execute(
        "UPDATE device_states SET state = '{\"f\": 7}' WHERE bucket = $1 AND device_id = $2",
        poisoned.bucket,
        poisoned.device_id,
    )
    await street.opens()
    answers = await asyncio.gather(*(street.client.report(p, fix_at(shops[0].north_m)) for p in phones))
    assert Counter(answer.status for answer in answers) == {200: 99, 500: 1}
    assert (answers[41].status, answers[41].code) == (500, "internal_error")
    assert b"Traceback" not in answers[41].raw
    [logged] = [line for line in two_workers.log_text().splitlines() if "flush_failed" in line]
    assert json.loads(logged)["error"] == "ValidationError"
    assert sum(len(answer.deliveries) for answer in answers if answer.status == 200) == 99


async def _walk(street: Street, phone: Phone, shops: Sequence[Shop]) -> list[Answer]:
    """One report after the other, each after the answer to the last."""
    return [await street.client.report(phone, fix) for fix in walk_past(shops)]


async def _meddle(street: Street, phone: Phone) -> list[Answer]:
    """What else takes the customer's lock meanwhile."""
    answers = []
    for number in range(SHOPS):
        if number % 2:
            answers.append(await street.client.settle("GET", "/v1/inbox", phone.token))
        else:
            change = {"interests": [f"interest {number}"]}
            answers.append(await street.client.settle("PATCH", "/v1/me/preferences", phone.token, change))
    return answers
