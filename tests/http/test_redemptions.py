"""Redeeming at the till, over HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.auth import create_retailer_key
from offers.codes import new_code
from tests.http.phones import Shop, code_of, new_phone, no


@pytest.fixture
async def phone(http, shop):
    one = await new_phone(http)
    await one.consents_to(shop.retailer_id)
    return one


async def _redeem(
    http: httpx.AsyncClient, till: dict[str, str], code: str, *, key: str | None = None, **more: Any
) -> httpx.Response:
    headers = till | {"idempotency-key": key or uuid4().hex}
    return await http.post("/v1/redemptions", json={"code": code, **more}, headers=headers)


async def test_code_is_redeemed_once(http, phone, shop, rows):
    offer_id, till = await shop.offers(stock=5), await shop.till()
    given = await shop.gives(phone, offer_id, handed=True)
    answer = await _redeem(http, till, given.code, site_id=shop.site_id)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["offer_id"], said["delivery_id"]) == (offer_id, str(given.delivery_id))
    assert await given.column(rows, "redeemed_at") is not None
    row = await rows.fetchrow("SELECT * FROM redemptions WHERE delivery_id = $1", given.delivery_id)
    assert (str(row["redemption_id"]), row["site_id"]) == (said["redemption_id"], shop.site_id)
    assert await _redeemed(rows, offer_id) == 1

    again = await _redeem(http, till, given.code)
    assert (again.status_code, code_of(again)) == (409, "already_redeemed")
    assert await _redeemed(rows, offer_id) == 1


async def test_code_is_understood_as_people_say_it(http, phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    spoken = (
        f" {given.code[:4]}-{given.code[4:8]} {given.code[8:]} ".lower().replace("0", "o").replace("1", "l")
    )
    assert (await _redeem(http, await shop.till(), spoken)).status_code == 201


async def test_same_key_gets_the_same_answer_and_takes_stock_once(http, phone, shop, rows):
    offer_id, till, key = await shop.offers(stock=5), await shop.till(), uuid4().hex
    given = await shop.gives(phone, offer_id, handed=True)
    first = await _redeem(http, till, given.code, key=key)
    again = await _redeem(http, till, given.code, key=key)
    assert again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert await _redeemed(rows, offer_id) == 1


async def test_redemption_whose_kept_answer_was_lost_is_found_again_by_its_key(http, phone, shop, rows):
    offer_id, till, key = await shop.offers(stock=5), await shop.till(), uuid4().hex
    given = await shop.gives(phone, offer_id, handed=True)
    first = await _redeem(http, till, given.code, key=key)
    await rows.execute("DELETE FROM idempotency_keys WHERE key = $1", key)
    again = await _redeem(http, till, given.code, key=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert await _redeemed(rows, offer_id) == 1


async def test_a_forgotten_key_does_not_answer_for_another_code(http, phone, shop, rows):
    offer_id, till, key = await shop.offers(stock=5), await shop.till(), uuid4().hex
    one, two = [await shop.gives(phone, offer_id, handed=True) for _ in range(2)]
    assert (await _redeem(http, till, one.code, key=key)).status_code == 201
    await rows.execute("DELETE FROM idempotency_keys WHERE key = $1", key)
    answer = await _redeem(http, till, two.code, key=key)
    assert (answer.status_code, code_of(answer)) == (409, "operation_of_another_code")
    assert await two.column(rows, "redeemed_at") is None
    assert await _redeemed(rows, offer_id) == 1
    assert (await _redeem(http, till, two.code)).status_code == 201, "with a key of its own it is good"


async def test_key_is_required(http, phone, shop, rows):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    answer = await http.post("/v1/redemptions", json={"code": given.code}, headers=await shop.till())
    assert (answer.status_code, code_of(answer)) == (400, "idempotency_key_required")
    assert await given.column(rows, "redeemed_at") is None


async def test_another_retailers_code_is_as_unknown_as_none(http, phone, shop, rows):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    other = await (await Shop.opens(rows, "Rival")).till()
    answers = [await _redeem(http, other, given.code), await _redeem(http, other, new_code(phone.key[0]))]
    said = [
        {name: value for name, value in answer.json().items() if name != "request_id"} for answer in answers
    ]
    assert said[0] == said[1]
    assert (answers[0].status_code, said[0]["code"]) == (404, "code_unknown")
    assert await given.column(rows, "redeemed_at") is None


async def test_expired_code_is_refused(http, phone, shop):
    given = await shop.gives(phone, await shop.offers(), handed=True, expires_in=timedelta(milliseconds=1))
    answer = await _redeem(http, await shop.till(), given.code)
    assert (answer.status_code, code_of(answer)) == (409, "code_expired")


async def test_cancelled_delivery_is_refused(http, phone, shop):
    given = await shop.gives(phone, await shop.offers())
    await phone.answers(no("location_offers"))
    answer = await _redeem(http, await shop.till(), given.code)
    assert (answer.status_code, code_of(answer)) == (409, "delivery_cancelled")


async def test_stock_runs_out(http, phone, shop, rows):
    offer_id, till = await shop.offers(stock=1), await shop.till()
    first, second = [await shop.gives(phone, offer_id, handed=True) for _ in range(2)]
    assert (await _redeem(http, till, first.code)).status_code == 201
    answer = await _redeem(http, till, second.code)
    assert (answer.status_code, code_of(answer)) == (409, "stock_exhausted")
    assert await second.column(rows, "redeemed_at") is None
    assert await _redeemed(rows, offer_id) == 1


async def test_one_code_at_many_tills_at_once_is_redeemed_once(http, phone, shop, rows):
    offer_id, till = await shop.offers(stock=5), await shop.till()
    given = await shop.gives(phone, offer_id, handed=True)
    answers = await asyncio.gather(*(_redeem(http, till, given.code) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11
    assert await _redeemed(rows, offer_id) == 1


async def test_many_codes_at_once_take_no_more_than_the_stock(http, shop, rows):
    offer_id, till = await shop.offers(stock=3), await shop.till()
    phones = [await new_phone(http) for _ in range(10)]
    given = [await shop.gives(one, offer_id, handed=True) for one in phones]
    answers = await asyncio.gather(*(_redeem(http, till, one.code) for one in given))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 7
    assert await _redeemed(rows, offer_id) == 3
    assert await rows.fetchval("SELECT count(*) FROM redemptions WHERE offer_id = $1", offer_id) == 3


@pytest.mark.parametrize("role", ["manage", "read"])
async def test_only_a_till_may_redeem(http, phone, shop, rows, role):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    key = await create_retailer_key(rows, shop.retailer_id, role)
    answer = await _redeem(http, {"authorization": f"Bearer {key}"}, given.code)
    assert answer.status_code == 403
    assert (await _redeem(http, phone.headers, given.code)).status_code == 401


@pytest.mark.parametrize("code", ["", "SHORT", "UUUUUUUUUU", "0123456789A", 1234567890, None, "é" * 10])
async def test_what_cannot_be_a_code_is_refused(http, shop, code):
    answer = await http.post(
        "/v1/redemptions", json={"code": code}, headers=await shop.till() | {"idempotency-key": uuid4().hex}
    )
    assert answer.status_code == 400


async def test_another_retailers_site_is_refused(http, phone, shop, rows):
    given = await shop.gives(phone, await shop.offers(), handed=True)
    rival = await Shop.opens(rows, "Rival")
    answer = await _redeem(http, await shop.till(), given.code, site_id=rival.site_id)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "site_id")


async def _redeemed(rows: Any, offer_id: int) -> int:
    taken: int = await rows.fetchval("SELECT redeemed FROM offer_budgets WHERE offer_id = $1", offer_id)
    return taken


@pytest.mark.parametrize("name", ["site", "siteId", "amount"])
async def test_unknown_member_is_refused_by_its_name_and_the_code_stays_good(http, phone, shop, name):
    given, till = await shop.gives(phone, await shop.offers(), handed=True), await shop.till()
    answer = await _redeem(http, till, given.code, **{name: 1})
    assert answer.status_code == 400
    assert f"`{name}`" in answer.json()["errors"][0]["reason"]
    assert (await _redeem(http, till, given.code)).status_code == 201
