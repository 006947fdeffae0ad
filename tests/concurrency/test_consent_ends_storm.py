"""Consents that end by age or by date while fixes stream in: nothing is decided or told on them any more."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from api.auth import create_retailer_key
from tests.concurrency.asking import Answer
from tests.concurrency.street import Shop, Street, walk_past
from tests.world import LONG_AGO, Phone

CUSTOMERS, SHOPS = 16, 20
LIMITLESS: dict[str, Any] = {"ignores_caps": True, "counts_toward_caps": False}
TEXTS = {"en": {"title": "Newer", "text": "May we also do this?"}}


async def test_nothing_is_given_to_whoever_has_said_to_be_a_minor(street: Street) -> None:
    shops = await street.shops(SHOPS, of_one_retailer=True, **LIMITLESS)
    phones = [phone for [phone] in await street.people(CUSTOMERS, shops)]
    await street.opens()
    chance = random.Random(5)
    stories = [_grows_younger(street, phone, shops, chance.randint(2, SHOPS - 3)) for phone in phones]
    later = [answer for answers in await asyncio.gather(*stories) for answer in answers]
    assert {answer.code for answer in later} == {"no_location_consent"}
    given = cancelled = 0
    for phone in phones:
        rows = await street.deliveries_of(phone.customer_id)
        said = await street.rows.fetch(
            "SELECT purpose, is_granted, method, recorded_at FROM consents WHERE customer_id = $1",
            phone.customer_id,
        )
        assert sorted(one["purpose"] for one in said) == ["location_offers", "marketing"]
        assert {(one["is_granted"], one["method"]) for one in said} == {(False, "age_band")}
        assert all(row["decided_at"] < said[0]["recorded_at"] for row in rows)
        assert {row["cancelled_because"] for row in rows} <= {"consent_withdrawn"}
        given += len(rows)
        cancelled += sum(row["cancelled_at"] is not None for row in rows)
        await _is_forgotten(street, phone)
    assert given == cancelled, "nobody had seen any"
    assert given >= CUSTOMERS


async def test_nothing_is_given_on_a_consent_that_has_lapsed(street: Street) -> None:
    shops = await street.shops(SHOPS, of_one_retailer=True, **LIMITLESS)
    phones = [phone for [phone] in await street.people(CUSTOMERS, shops)]
    await _say_yes_on_record(street, phones, shops)
    await street.opens()
    walks = [asyncio.create_task(_walks(street, phone, shops)) for phone in phones]
    while len(await _given(street, shops)) < CUSTOMERS:  # noqa: ASYNC110 - no event for this
        await asyncio.sleep(0.005)
    lapses_at = await _publish(street, shops[0].retailer_id)
    published_at = time.monotonic()
    answered = [one for walk in await asyncio.gather(*walks) for one in walk]
    asked_later = [answer for sent_at, answer in answered if sent_at > published_at]
    assert len(asked_later) > CUSTOMERS, "too few chances to give something on a lapsed consent"
    assert {answer.status for answer in asked_later} == {200}
    assert [answer.deliveries for answer in asked_later if answer.deliveries] == []
    rows = await _given(street, shops)
    # Whoever had begun to decide before the text was there may have ended a little after its date.
    last = max(row["decided_at"] for row in rows)
    assert (last - lapses_at).total_seconds() < 0.5
    for phone in phones:
        inbox = await street.client.settle("GET", "/v1/inbox", phone.token)
        assert inbox.body["items"] == []
    grants = await street.rows.fetch(
        "SELECT grants FROM customers WHERE customer_id = ANY($1)", [phone.customer_id for phone in phones]
    )
    assert {tuple(row["grants"]) for row in grants} == {("location_offers",)}
    cancelled = {row["cancelled_because"] for row in await _given(street, shops)}
    assert cancelled == {"consent_lapsed"}
    assert (await street.suppressed(shops))["no_consent"] >= len(asked_later) / 2


async def _grows_younger(street: Street, phone: Phone, shops: Sequence[Shop], at: int) -> list[Answer]:
    """A walk in the middle of which the age band is changed; the answers after that was acknowledged."""
    changes: asyncio.Task[Answer] | None = None
    later: list[Answer] = []
    for number, fix in enumerate(walk_past(shops)):
        is_later = changes is not None and changes.done()
        if number == at:
            change = {"age_band": "under_15"}
            asked = street.client.settle("PATCH", "/v1/me/preferences", phone.token, change)
            changes = asyncio.create_task(asked)
        answer = await street.client.report(phone, fix)
        if is_later:
            later.append(answer)
    assert changes is not None
    assert (await changes).status == 200
    later.append(await street.client.report(phone, walk_past(shops)[-1]))
    return later


async def _walks(street: Street, phone: Phone, shops: Sequence[Shop]) -> list[tuple[float, Answer]]:
    """When each report was sent, and its answer."""
    answers = []
    for fix in walk_past(shops):
        sent_at = time.monotonic()
        answers.append((sent_at, await street.client.report(phone, fix)))
    return answers


async def _say_yes_on_record(street: Street, phones: Sequence[Phone], shops: Sequence[Shop]) -> None:
    await street.rows.executemany(
        "INSERT INTO consents (bucket, customer_id, consent_id, purpose, retailer_id, channel, is_granted,"
        " notice_version, language, method, recorded_at)"
        " VALUES ($1, $2, gen_random_uuid(), 'marketing', $3, 'push', true, 1, 'en', 'app', $4)",
        [(phone.bucket, phone.customer_id, shops[0].retailer_id, LONG_AGO) for phone in phones],
    )


async def _publish(street: Street, retailer_id: int) -> datetime:
    """A text that asks again at once; when the older one lapses."""
    async with street.rows.acquire() as connection:
        key = await create_retailer_key(connection, retailer_id, "manage")
    body = {"purpose": "marketing", "asks_again": True, "grace_days": 0, "texts": TEXTS}
    answer = await street.client.settle("POST", "/v1/notices", key, body)
    assert answer.status == 201, answer.raw
    return datetime.fromisoformat(answer.body["lapses_at"])


async def _given(street: Street, shops: Sequence[Shop]) -> list[Any]:
    found: list[Any] = await street.rows.fetch(
        "SELECT decided_at, cancelled_because FROM deliveries WHERE offer_id = ANY($1)",
        [shop.offer_id for shop in shops],
    )
    return found


async def _is_forgotten(street: Street, phone: Phone) -> None:
    state = "SELECT state FROM device_states WHERE bucket = $1 AND device_id = $2"
    assert await street.rows.fetchval(state, phone.bucket, phone.device_id) is None
    timers = "SELECT count(*) FROM timers WHERE bucket = $1 AND customer_id = $2"
    assert await street.rows.fetchval(timers, phone.bucket, phone.customer_id) == 0
