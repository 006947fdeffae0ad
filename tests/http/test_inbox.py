"""The inbox over HTTP: what is in it, its order, and handing over against withdrawals."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from offers.people.customers import CustomerKey, lock_customers
from tests.http.phones import new_phone, no


@pytest.fixture
async def phone(http, shop):
    one = await new_phone(http)
    await one.consents_to(shop.retailer_id)
    return one


async def _seqs(phone, **params) -> list[int]:
    answer = await phone.get("/v1/inbox", params=params)
    assert answer.status_code == 200, answer.text
    return [item["seq"] for item in answer.json()["items"]]


async def test_inbox_lists_newest_first_and_hands_over(phone, shop, rows):
    offer_id = await shop.offers()
    given = [await shop.gives(phone, offer_id) for _ in range(3)]
    items = (await phone.get("/v1/inbox")).json()["items"]
    assert [item["delivery_id"] for item in items] == [str(one.delivery_id) for one in reversed(given)]
    for one in given:
        assert await one.column(rows, "handed_at") is not None


async def test_item_has_all_that_a_phone_shows(phone, shop):
    given = await shop.gives(phone, await shop.offers())
    item = (await phone.get("/v1/inbox")).json()["items"][0]
    assert item["delivery_id"] == str(given.delivery_id)
    assert (item["title"], item["text"], item["language"]) == ("Soup", "Half price.", "en")
    assert (item["code"], item["seq"], item["tags"]) == (given.code, given.seq, ["food"])
    assert (item["retailer_id"], item["site_id"], item["fence_id"]) == (
        shop.retailer_id,
        shop.site_id,
        shop.fence_id,
    )
    assert item["decided_at"].endswith("Z")


async def test_handed_time_is_kept_when_read_again(phone, shop, rows):
    given = await shop.gives(phone, await shop.offers())
    await _seqs(phone)
    first = await given.column(rows, "handed_at")
    await _seqs(phone)
    assert await given.column(rows, "handed_at") == first


async def test_expired_and_cancelled_deliveries_are_not_listed_nor_handed_over(phone, shop, rows):
    offer_id = await shop.offers()
    expired = await shop.gives(phone, offer_id, expires_in=timedelta(seconds=-1))
    cancelled = await shop.gives(phone, offer_id)
    await phone.answers(no("location_offers"))
    assert await _seqs(phone) == []
    for one in (expired, cancelled):
        assert await one.column(rows, "handed_at") is None


async def test_stopped_offer_is_not_handed_over_until_it_runs_again(phone, shop, rows):
    offer_id = await shop.offers()
    handed = await shop.gives(phone, offer_id, handed=True)
    waiting = await shop.gives(phone, offer_id)
    for table, column, value in (
        ("offers", "offer_id", offer_id),
        ("retailers", "retailer_id", shop.retailer_id),
    ):
        await rows.execute(f"UPDATE {table} SET stopped_at = alentour_now() WHERE {column} = $1", value)
        assert await _seqs(phone) == [handed.seq]
        await rows.execute(f"UPDATE {table} SET stopped_at = NULL WHERE {column} = $1", value)
    assert await _seqs(phone) == [waiting.seq, handed.seq]


async def test_pages_go_on_to_older_ones(phone, shop):
    offer_id = await shop.offers()
    for _ in range(5):
        await shop.gives(phone, offer_id)
    seen: list[int] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await phone.get("/v1/inbox", params=params)).json()
        seen += [item["seq"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [5, 4, 3, 2, 1]


async def test_after_seq_leaves_out_what_the_phone_has(phone, shop):
    offer_id = await shop.offers()
    for _ in range(4):
        await shop.gives(phone, offer_id)
    assert await _seqs(phone, after_seq=2) == [4, 3]
    assert await _seqs(phone, after_seq=4) == []


async def test_a_page_hands_over_only_what_is_on_it(phone, shop, rows):
    offer_id = await shop.offers()
    older, newer = await shop.gives(phone, offer_id), await shop.gives(phone, offer_id)
    assert await _seqs(phone, limit=1) == [newer.seq]
    assert await older.column(rows, "handed_at") is None


async def test_another_customers_inbox_is_empty(http, phone, shop):
    await shop.gives(phone, await shop.offers())
    assert await _seqs(await new_phone(http)) == []


async def test_reading_waits_for_a_withdrawal_and_then_hands_nothing_over(phone, shop, rows):
    given = await shop.gives(phone, await shop.offers())
    async with rows.acquire() as withdrawing:
        transaction = withdrawing.transaction()
        await transaction.start()
        await lock_customers(withdrawing, CustomerKey(*phone.key))
        reading = asyncio.create_task(_seqs(phone))
        await asyncio.sleep(0.3)
        assert not reading.done()
        await withdrawing.execute(
            "UPDATE deliveries SET cancelled_at = alentour_now() WHERE delivery_id = $1", given.delivery_id
        )
        await transaction.commit()
    assert await reading == []
    assert await given.column(rows, "handed_at") is None


async def test_a_storm_of_reading_and_withdrawing_hands_nothing_over_afterwards(http, shop, rows):
    offer_id = await shop.offers()
    for _ in range(10):
        phone = await new_phone(http)
        await phone.consents_to(shop.retailer_id)
        given = await shop.gives(phone, offer_id)
        *_, withdrawal = await asyncio.gather(
            _seqs(phone), _seqs(phone), phone.answers(no("location_offers")), return_exceptions=False
        )
        handed_at = await given.column(rows, "handed_at")
        cancelled_at = await given.column(rows, "cancelled_at")
        assert cancelled_at is not None, "handed over or not, nobody has seen it"
        assert handed_at is None or handed_at < cancelled_at
        assert await _seqs(phone) == []
        assert withdrawal["granted"] == [f"marketing:{shop.retailer_id}:push"]


@pytest.mark.parametrize(
    "params",
    [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"after_seq": -1}, {"after_seq": 2**63}, {"cursor": "!!"}],
)
async def test_bad_page_parameters_are_refused(phone, params):
    answer = await phone.get("/v1/inbox", params=params)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_input"
