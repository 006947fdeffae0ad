"""Withdrawals while fixes stream in: once acknowledged, nothing more is decided, handed over or told."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from tests.concurrency.asking import Answer, fix_at
from tests.concurrency.street import Shop, Street, walk_past
from tests.world import Phone

CUSTOMERS, SHOPS, INBOX_READS = 20, 20, 3
CREATED = 201
# What left the server before the acknowledgement may be read here a little after it.
ON_THE_WIRE_S = 1.0


@dataclass
class Story:
    """One customer: two phones in the street, a change of mind, and somebody who opens the inbox.

    The inbox is opened, and the live stream followed, while the withdrawal is on its way, or only once
    it is acknowledged.
    """

    street: Street
    phones: Sequence[Phone]
    walk: Sequence[dict[str, Any]]
    decisions: list[dict[str, Any]]
    withdraws_at: int
    reads_beside: bool
    answered_later: list[Answer] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    told_later: set[str] = field(default_factory=set)
    withdraws: asyncio.Event = field(default_factory=asyncio.Event)
    is_acknowledged: asyncio.Event = field(default_factory=asyncio.Event)
    acknowledged_at: float = math.inf

    async def is_lived(self) -> None:
        first, second = self.phones
        following = asyncio.create_task(self._follows(second))
        await asyncio.gather(
            self._walks(first, changes_mind=True),
            self._walks(second),
            self._withdraws(first),
            self._reads(second),
        )
        self.answered_later.append(await self.street.client.report(first, fix_at(self.street.starts_at_m)))
        await asyncio.sleep(2 * ON_THE_WIRE_S)
        assert not following.done(), following.exception()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    async def _follows(self, phone: Phone) -> None:
        allowance_s = ON_THE_WIRE_S
        if not self.reads_beside:
            await self.is_acknowledged.wait()
            allowance_s = 0.0
        async for delivery in self.street.client.follow(phone):
            self.told.add(delivery["delivery_id"])
            if time.monotonic() > self.acknowledged_at + allowance_s:
                self.told_later.add(delivery["delivery_id"])

    async def _walks(self, phone: Phone, *, changes_mind: bool = False) -> None:
        for number, fix in enumerate(self.walk):
            if changes_mind and number == self.withdraws_at:
                self.withdraws.set()
            is_later = self.is_acknowledged.is_set()
            answer = await self.street.client.report(phone, {**fix, "fix_id": f"{phone.device_id}-{number}"})
            if is_later:
                self.answered_later.append(answer)

    async def _withdraws(self, phone: Phone) -> None:
        await self.withdraws.wait()
        body = {"decisions": self.decisions, "method": "storm"}
        answer = await self.street.client.settle("POST", "/v1/consents", phone.token, body)
        assert answer.status == CREATED, answer.raw
        self.acknowledged_at = time.monotonic()
        self.is_acknowledged.set()

    async def _reads(self, phone: Phone) -> None:
        await (self.withdraws if self.reads_beside else self.is_acknowledged).wait()
        for _ in range(INBOX_READS):
            answer = await self.street.client.settle("GET", "/v1/inbox", phone.token)
            assert answer.status == 200, answer.raw


@pytest.mark.parametrize("withdrawn", ["location_offers", "marketing"])
async def test_a_storm_of_withdrawals_and_fixes_lets_nothing_follow_an_acknowledged_one(
    street: Street, withdrawn: str
) -> None:
    shops = await street.shops(SHOPS, of_one_retailer=True, ignores_caps=True, counts_toward_caps=False)
    everybody = await street.people(CUSTOMERS, shops, phones_each=2)
    await street.opens()
    await _leave_something_waiting(street, everybody, shops)
    decision: dict[str, Any] = {"purpose": withdrawn, "granted": False}
    if withdrawn == "marketing":
        decision |= {"retailer_id": shops[0].retailer_id, "channel": "push"}
    chance = random.Random(11)
    stories = [
        Story(street, phones, walk_past(shops), [decision], chance.randint(1, SHOPS - 3), number % 2 == 0)
        for number, phones in enumerate(everybody)
    ]
    await asyncio.gather(*(story.is_lived() for story in stories))
    cancelled = 0
    assert sum(len(story.told) for story in stories) >= CUSTOMERS // 2, "the streams tell something"
    for story in stories:
        assert not story.told_later
        for answer in story.answered_later:
            if withdrawn == "location_offers":
                assert answer.code == "no_location_consent"
            else:
                assert answer.status == 200
                assert answer.deliveries == []
        cancelled += await _check_rows(street, story)
        if withdrawn == "location_offers":
            await _check_forgotten(street, story)
    assert cancelled >= CUSTOMERS // 2


async def _leave_something_waiting(
    street: Street, everybody: Sequence[Sequence[Phone]], shops: Sequence[Shop]
) -> None:
    """One delivery for everybody that no phone has been handed."""
    answers = await asyncio.gather(
        *(street.client.report(phones[0], fix_at(shops[0].north_m, before_s=240)) for phones in everybody)
    )
    given = [delivery["delivery_id"] for answer in answers for delivery in answer.deliveries]
    assert len(given) == len(everybody)
    await street.rows.execute(
        "UPDATE deliveries SET handed_at = NULL WHERE bucket BETWEEN 0 AND 63 AND delivery_id = ANY($1)",
        given,
    )


async def _check_rows(street: Street, story: Story) -> int:
    """Nothing decided or handed over after the withdrawal, nothing unseen left; how many no phone had."""
    customer_id = story.phones[0].customer_id
    withdrawn_at: datetime = await street.rows.fetchval(
        "SELECT recorded_at FROM consents WHERE customer_id = $1 AND NOT is_granted", customer_id
    )
    rows = await street.deliveries_of(customer_id)
    assert all(row["decided_at"] < withdrawn_at for row in rows)
    assert all(row["handed_at"] < withdrawn_at for row in rows if row["handed_at"] is not None)
    handed = {str(row["delivery_id"]) for row in rows if row["handed_at"] is not None}
    assert story.told <= handed, "nothing is told that was not handed over"
    assert {row["cancelled_because"] for row in rows} <= {"consent_withdrawn"}, "nobody has seen any"
    return sum(row["handed_at"] is None for row in rows)


async def _check_forgotten(street: Street, story: Story) -> None:
    who = story.phones[0].bucket, story.phones[0].customer_id
    states = await street.rows.fetch(
        "SELECT state FROM device_states WHERE bucket = $1 AND customer_id = $2", *who
    )
    assert [row["state"] for row in states] == [None, None]
    timers = "SELECT count(*) FROM timers WHERE bucket = $1 AND customer_id = $2"
    assert await street.rows.fetchval(timers, *who) == 0
