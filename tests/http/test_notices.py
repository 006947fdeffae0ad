"""Publishing notices: versions and languages, who may, what a newer text does to answers, and lapses."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.auth import create_admin_key, create_retailer_key
from offers.people.customers import CustomerKey, lock_customers
from tests.http.phones import Phone, Shop, code_of, new_phone, no, yes

TEXTS = {
    "en": {"title": "Our offers", "text": "May we send you our offers,\nand those of our bakery?"},
    "fr": {"title": "Nos offres", "text": "Pouvons-nous vous envoyer nos offres, et celles du fournil ?"},
}


class Desk:
    """A retailer who publishes texts for its own marketing."""

    def __init__(self, http: httpx.AsyncClient, shop: Shop, key: str) -> None:
        self.http = http
        self.shop = shop
        self.headers = {"authorization": f"Bearer {key}"}

    async def sends(self, **said: Any) -> httpx.Response:
        body = {"purpose": "marketing", "asks_again": True, "texts": TEXTS} | said
        return await self.http.post("/v1/notices", json=body, headers=self.headers)

    async def publishes(self, **said: Any) -> dict[str, Any]:
        answer = await self.sends(**said)
        assert answer.status_code == 201, answer.text
        published: dict[str, Any] = answer.json()
        return published

    def yes(self, **said: Any) -> dict[str, Any]:
        return yes("marketing", retailer_id=self.shop.retailer_id, channel="push", **said)

    def no(self) -> dict[str, Any]:
        return no("marketing", retailer_id=self.shop.retailer_id, channel="push")

    @property
    def grant(self) -> str:
        return f"marketing:{self.shop.retailer_id}:push"


@pytest.fixture
async def desk(http: httpx.AsyncClient, rows: asyncpg.Pool, shop: Shop) -> Desk:
    return Desk(http, shop, await create_retailer_key(rows, shop.retailer_id, "manage"))


@pytest.fixture
async def admin(rows: asyncpg.Pool) -> dict[str, str]:
    return {"authorization": f"Bearer {await create_admin_key(rows)}"}


async def consents_of(phone: Phone) -> dict[str, Any]:
    said: dict[str, Any] = (await phone.get("/v1/consents")).json()
    return said


async def grants_of(rows: asyncpg.Pool, phone: Phone) -> list[str]:
    grants: list[str] = await rows.fetchval(
        "SELECT grants FROM customers WHERE bucket = $1 AND customer_id = $2", *phone.key
    )
    return grants


# Publishing


async def test_a_retailers_text_is_shown_for_its_marketing_and_nobody_elses(http, rows, desk):
    other = await Shop.opens(rows, "Café")
    published = await desk.publishes(asks_again=False)
    assert (published["retailer_id"], published["languages"]) == (desk.shop.retailer_id, ["en", "fr"])
    assert (published["asks_again"], published["lapses_at"]) == (False, None)
    asked = {"purpose": "marketing", "language": "fr"}
    [own] = (await http.get("/v1/notices", params={**asked, "retailer_id": desk.shop.retailer_id})).json()
    assert (own["title"], own["version"]) == ("Nos offres", published["version"])
    assert own["retailer_id"] == desk.shop.retailer_id
    for params in (asked, {**asked, "retailer_id": other.retailer_id}):
        [general] = (await http.get("/v1/notices", params=params)).json()
        assert (general["retailer_id"], general["title"]) == (None, "Les offres de ce commerce")


async def test_each_version_stays_readable_under_its_number(http, desk):
    first = await desk.publishes(asks_again=False)
    second = await desk.publishes(asks_again=False, texts={"en": {"title": "Second", "text": "Again?"}})
    assert second["version"] > first["version"]
    for version, title in ((first["version"], "Our offers"), (second["version"], "Second")):
        params = {"purpose": "marketing", "version": version, "language": "en"}
        assert [one["title"] for one in (await http.get("/v1/notices", params=params)).json()] == [title]


async def test_simultaneous_publications_get_numbers_of_their_own(desk):
    published = await asyncio.gather(*(desk.publishes(asks_again=False) for _ in range(6)))
    assert len({one["version"] for one in published}) == 6


async def test_a_publication_sent_twice_under_one_key_happens_once(desk):
    desk.headers["idempotency-key"] = uuid4().hex
    assert (await desk.publishes(asks_again=False)) == (await desk.publishes(asks_again=False))


async def test_a_published_text_cannot_be_edited_even_by_sql(rows):
    for statement in ("UPDATE notices SET title = 'x'", "DELETE FROM notices", "DELETE FROM notice_versions"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await rows.execute(statement)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"purpose": "measurement"}, "purpose"),
        ({"purpose": "profiling"}, "purpose"),
        ({"texts": {"fr": TEXTS["fr"]}}, "texts.en"),
        ({"texts": {**TEXTS, "no such": TEXTS["en"]}}, "texts.no such"),
        ({"texts": {"en": {"title": "", "text": "?"}}}, "texts.en.title"),
        ({"texts": {"en": {"title": "Title", "text": "a\u0000"}}}, "texts.en.text"),
        ({"texts": {"en": {"title": "Title", "text": "x" * 10_001}}}, "texts.en.text"),
        ({"asks_again": False, "grace_days": 3}, "grace_days"),
        ({"grace_days": -1}, "grace_days"),
        ({"grace_days": 181}, "grace_days"),
    ],
)
async def test_a_bad_notice_names_the_field_and_is_not_published(rows, desk, said, field):
    before = await rows.fetchval("SELECT count(*) FROM notice_versions")
    answer = await desk.sends(**said)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert await rows.fetchval("SELECT count(*) FROM notice_versions") == before


async def test_nobody_publishes_for_another_and_readers_not_at_all(http, rows, desk, admin):
    other = await Shop.opens(rows, "Café")
    body = {"purpose": "marketing", "asks_again": False, "texts": TEXTS}
    path = f"/v1/notices?retailer_id={other.retailer_id}"
    assert (await http.post(path, json=body, headers=desk.headers)).status_code == 404
    reader = {"authorization": f"Bearer {await create_retailer_key(rows, other.retailer_id, 'read')}"}
    assert (await http.post("/v1/notices", json=body, headers=reader)).status_code == 403
    for_them = await http.post(path, json=body, headers=admin)
    assert for_them.json()["retailer_id"] == other.retailer_id
    nobody = await http.post("/v1/notices?retailer_id=999999999", json=body, headers=admin)
    assert nobody.status_code == 404


async def test_an_admin_publishes_the_operators_texts(http, admin):
    body = {"purpose": "location_parking", "asks_again": False, "texts": TEXTS}
    published = (await http.post("/v1/notices", json=body, headers=admin)).json()
    assert published["retailer_id"] is None
    [shown] = (await http.get("/v1/notices", params={"purpose": "location_parking", "language": "en"})).json()
    assert (shown["version"], shown["title"]) == (published["version"], "Our offers")


# What a newer text does to answers


async def test_a_yes_to_an_older_text_is_outdated_and_asked_again_while_it_stays_in_force(http, desk):
    phone = await new_phone(http)
    await phone.answers(desk.yes(), yes("measurement"))
    published = await desk.publishes(grace_days=10)
    said = await consents_of(phone)
    by_purpose = {one["purpose"]: one for one in said["current"]}
    marketing = by_purpose["marketing"]
    assert (marketing["outdated"], marketing["in_force"]) == (True, True)
    assert marketing["lapses_at"] == published["lapses_at"]
    [again] = said["to_ask_again"]
    assert (again["purpose"], again["retailer_id"], again["channel"]) == (
        "marketing", desk.shop.retailer_id, "push",
    )  # fmt: skip
    assert (again["notice_version"], again["lapses_at"]) == (published["version"], published["lapses_at"])
    assert (by_purpose["measurement"]["outdated"], by_purpose["measurement"]["lapses_at"]) == (False, None)
    assert said["granted"] == [desk.grant, "measurement"]
    grace = datetime.fromisoformat(published["lapses_at"]) - datetime.fromisoformat(published["published_at"])
    assert grace == timedelta(days=10)


async def test_a_grace_is_thirty_days_where_nothing_is_said_and_none_where_it_is_null(desk):
    published = await desk.publishes()
    grace = datetime.fromisoformat(published["lapses_at"]) - datetime.fromisoformat(published["published_at"])
    assert grace == timedelta(days=30)
    assert (await desk.publishes(grace_days=None))["lapses_at"] is None


async def test_a_text_that_says_nothing_new_asks_nobody_again(http, desk):
    phone = await new_phone(http)
    await phone.answers(desk.yes())
    await desk.publishes(asks_again=False)
    said = await consents_of(phone)
    assert said["to_ask_again"] == []
    assert [one["outdated"] for one in said["current"]] == [False]
    await phone.answers(desk.yes())  # nor is the older text refused


async def test_a_new_answer_settles_it_and_the_old_one_stays_as_it_was(http, desk):
    phone = await new_phone(http)
    await phone.answers(desk.yes())
    before = (await consents_of(phone))["history"]
    published = await desk.publishes()
    await phone.answers(desk.yes(notice_version=published["version"]), yes("measurement"))
    said = await consents_of(phone)
    assert said["to_ask_again"] == []
    assert said["history"][-1] == before[0]
    versions = {one["purpose"]: one["notice_version"] for one in said["current"]}
    assert versions == {"marketing": published["version"], "measurement": 1}


async def test_a_no_is_never_asked_again(http, desk):
    phone = await new_phone(http)
    await phone.answers(desk.no())
    await desk.publishes(grace_days=0)
    said = await consents_of(phone)
    assert said["to_ask_again"] == []
    assert [(one["outdated"], one["in_force"]) for one in said["current"]] == [(False, False)]


async def test_a_yes_to_a_replaced_text_is_refused_but_a_no_is_not(http, desk):
    phone = await new_phone(http)
    await desk.publishes()
    body = {"decisions": [desk.yes()], "notice_version": 1, "language": "en"}
    refused = await phone.post("/v1/consents", body)
    assert (refused.status_code, code_of(refused)) == (409, "notice_outdated")
    assert (await consents_of(phone))["history"] == []
    body["decisions"] = [desk.no()]
    assert (await phone.post("/v1/consents", body)).status_code == 201


async def test_a_text_of_another_retailer_is_no_text_for_this_one(http, rows, desk):
    other = await Shop.opens(rows, "Café")
    published = await desk.publishes()
    phone = await new_phone(http)
    decision = yes("marketing", retailer_id=other.retailer_id, channel="push")
    body = {"decisions": [decision], "notice_version": published["version"], "language": "en"}
    refused = await phone.post("/v1/consents", body)
    assert (refused.status_code, code_of(refused)) == (400, "unknown_notice")


# Lapsing


async def test_nothing_counts_any_more_once_the_grace_is_over(http, rows, desk):
    phone = await new_phone(http)
    await phone.answers(desk.yes(), yes("location_offers"))
    offer_id = await desk.shop.offers()
    waiting = await desk.shop.gives(phone, offer_id)
    seen = await desk.shop.gives(phone, offer_id, handed=True)
    await phone.post(f"/v1/deliveries/{seen.delivery_id}/events", {"event": "shown"})
    await desk.publishes(grace_days=0)
    said = await consents_of(phone)
    assert said["granted"] == ["location_offers"]
    marketing = next(one for one in said["current"] if one["purpose"] == "marketing")
    assert (marketing["granted"], marketing["in_force"], marketing["outdated"]) == (True, False, True)
    assert (await phone.get("/v1/me")).json()["granted"] == ["location_offers"]
    inbox = (await phone.get("/v1/inbox")).json()["items"]
    assert [one["delivery_id"] for one in inbox] == [str(seen.delivery_id)]
    assert await waiting.column(rows, "cancelled_because") == "consent_lapsed"
    assert await waiting.column(rows, "handed_at") is None
    assert await grants_of(rows, phone) == ["location_offers"]
    assert len((await consents_of(phone))["history"]) == 2, "a lapse is no answer"


async def test_whoever_takes_everything_back_is_not_asked_again_what_lapsed(http, desk):
    phone = await new_phone(http)
    await phone.answers(desk.yes())
    await desk.publishes(grace_days=0)
    taken = await phone.http.delete("/v1/consents", headers=phone.headers)
    assert len(taken.json()["receipts"]) == 1
    assert (await consents_of(phone))["to_ask_again"] == []


async def test_those_whom_nobody_touches_lapse_by_themselves(http, rows, desk):
    phone = await new_phone(http)
    await phone.answers(desk.yes())
    waiting = await desk.shop.gives(phone, await desk.shop.offers())
    await desk.publishes(grace_days=0)
    async with asyncio.timeout(30):
        while await grants_of(rows, phone):  # noqa: ASYNC110 - the sweeper tells nobody
            await asyncio.sleep(0.2)
    assert await waiting.column(rows, "cancelled_because") == "consent_lapsed"


async def test_a_lapse_waits_for_a_delivery_being_decided_and_then_cancels_it(http, rows, desk):
    """A flush holds the customer's lock: the lapse must see what it wrote, not the moment before."""
    phone = await new_phone(http)
    await phone.answers(desk.yes(), yes("location_offers"))
    offer_id = await desk.shop.offers()
    async with rows.acquire() as flush:
        transaction = flush.transaction()
        await transaction.start()
        await lock_customers(flush, CustomerKey(*phone.key))
        await desk.publishes(grace_days=0)
        other = asyncio.create_task(phone.patch("/v1/me/preferences", {"language": "fr"}))
        await asyncio.sleep(0.3)
        assert not other.done()
        given = await desk.shop.writes(flush, phone, offer_id)
        await transaction.commit()
    assert (await other).status_code == 200
    assert await given.column(rows, "cancelled_because") == "consent_lapsed"
    assert await grants_of(rows, phone) == ["location_offers"]


async def test_withdrawing_personalisation_erases_the_interests_and_nothing_else_does(http):
    phone = await new_phone(http)
    await phone.answers(yes("personalisation"), yes("measurement"))
    await phone.patch("/v1/me/preferences", {"interests": ["coffee"]})
    await phone.answers(no("measurement"))
    assert (await phone.get("/v1/me")).json()["preferences"]["interests"] == ["coffee"]
    await phone.answers(no("personalisation"))
    assert (await phone.get("/v1/me")).json()["preferences"]["interests"] == []
