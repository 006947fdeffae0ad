"""Stock, codes and retries at many tills at once, over HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from api.auth import create_retailer_key
from tests.concurrency.asking import Answer, fix_at
from tests.concurrency.street import Shop, Street

REDEEMED = 201


async def test_two_hundred_redemptions_of_a_stock_of_ten_give_ten(street: Street) -> None:
    shop, codes, till = await _codes(street, 200, stock=10)
    answers = await asyncio.gather(*(_redeem(street, till, code) for code in codes))
    assert _outcomes(answers) == {"redeemed": 10, "stock_exhausted": 190}
    rows = await street.rows.fetch("SELECT delivery_id FROM redemptions WHERE offer_id = $1", shop.offer_id)
    told = [answer.body["delivery_id"] for answer in answers if answer.status == REDEEMED]
    assert sorted(told) == sorted(str(row["delivery_id"]) for row in rows)
    assert await _taken(street, shop) == 10
    marked = "SELECT count(*) FROM deliveries WHERE offer_id = $1 AND redeemed_at IS NOT NULL"
    assert await street.rows.fetchval(marked, shop.offer_id) == 10


async def test_one_code_at_several_tills_at_once_is_redeemed_once(street: Street) -> None:
    shop, codes, till = await _codes(street, 12)
    at_four_tills = await asyncio.gather(*(_redeem(street, till, code) for code in codes for _ in range(4)))
    assert _outcomes(at_four_tills) == {"redeemed": 12, "already_redeemed": 36}
    redeemed = [answer.body["delivery_id"] for answer in at_four_tills if answer.status == REDEEMED]
    assert len(set(redeemed)) == 12
    assert await _taken(street, shop) == 12


async def test_a_redemption_sent_twice_at_once_happens_once_and_is_told_twice_the_same(
    street: Street,
) -> None:
    shop, codes, till = await _codes(street, 12)
    keys = {code: uuid4().hex for code in codes}
    twice = await asyncio.gather(
        *(_redeem(street, till, code, keys[code]) for code in codes for _ in range(2))
    )
    assert set(_outcomes(twice)) <= {"redeemed", "idempotency_in_flight"}
    for number, code in enumerate(codes):
        pair = twice[2 * number : 2 * number + 2]
        again = await _redeem(street, till, code, keys[code])
        assert again.headers["idempotency-replayed"] == "true"
        told = {answer.raw for answer in pair if answer.status == REDEEMED}
        assert told == {again.raw}
    assert await _taken(street, shop) == 12
    rows = await street.rows.fetchval("SELECT count(*) FROM redemptions WHERE offer_id = $1", shop.offer_id)
    assert rows == 12


async def _codes(street: Street, count: int, **offer: Any) -> tuple[Shop, list[str], str]:
    """A shop, codes that so many people were given at its door, and its till's key."""
    [shop] = await street.shops(1, **offer)
    people = await street.people(count, [shop])
    await street.opens()
    answers = await asyncio.gather(*(street.client.report(p, fix_at(shop.north_m)) for [p] in people))
    codes = [delivery["code"] for answer in answers for delivery in answer.deliveries]
    assert len(set(codes)) == count
    async with street.rows.acquire() as connection:
        return shop, codes, await create_retailer_key(connection, shop.retailer_id, "till")


async def _redeem(street: Street, till: str, code: str, key: str | None = None) -> Answer:
    return await street.client.settle(
        "POST", "/v1/redemptions", till, {"code": code}, idempotency_key=key or uuid4().hex
    )


def _outcomes(answers: Iterable[Answer]) -> Counter[str]:
    return Counter(
        "redeemed" if answer.status == REDEEMED else answer.code or str(answer.status) for answer in answers
    )


async def _taken(street: Street, shop: Shop) -> int:
    taken: int = await street.rows.fetchval(
        "SELECT redeemed FROM offer_budgets WHERE offer_id = $1", shop.offer_id
    )
    return taken
