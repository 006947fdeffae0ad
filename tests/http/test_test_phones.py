"""Test phones: invited, accepted, removed, left; and the previews that are shown on them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.http.phones import Phone, new_phone
from tests.http.phones import Shop as Written
from tests.http.shops import Shop, admin, faults_of, other_shop, shop, sql
from tests.world import World

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures
SOON_S = 10.0


@pytest.fixture
async def phone(http) -> Phone:
    return await new_phone(http, language="en")


async def invited(shop: Shop, label: str = "Counter") -> str:
    answer = await shop.client.post("/v1/test-phones", json={"label": label})
    assert answer.status_code == 201, answer.text
    code: str = answer.json()["code"]
    return code


async def enrolled(phone: Phone, shop: Shop, label: str = "Counter") -> str:
    answer = await phone.post("/v1/test-phones/accept", {"code": await invited(shop, label)})
    assert answer.status_code == 201, answer.text
    test_phone_id: str = answer.json()["test_phone_id"]
    return test_phone_id


async def preview(shop: Shop, offer_id: int, test_phone_id: str) -> httpx.Response:
    return await shop.client.post(f"/v1/offers/{offer_id}/preview", json={"test_phone_id": test_phone_id})


async def leave(phone: Phone, shop: Shop) -> httpx.Response:
    return await phone.http.delete(f"/v1/me/test-phones/{shop.retailer_id}", headers=phone.headers)


async def previews(phone: Phone) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await phone.get("/v1/previews")).json()["items"]
    return items


async def ids(shop: Shop) -> list[str]:
    return [one["test_phone_id"] for one in (await shop.read_only.get("/v1/test-phones")).json()["items"]]


# Enrolling


async def test_a_phone_that_enters_the_code_is_a_test_phone(phone, shop):
    test_phone_id = await enrolled(phone, shop)
    (listed,) = (await shop.read_only.get("/v1/test-phones")).json()["items"]
    assert listed["test_phone_id"] == test_phone_id
    assert (listed["label"], listed["platform"]) == ("Counter", "android")
    assert phone.customer_id not in str(listed)
    (seen,) = (await phone.get("/v1/me/test-phones")).json()["items"]
    assert (seen["retailer_id"], seen["test_phone_id"]) == (shop.retailer_id, test_phone_id)


async def test_a_code_can_be_typed_as_people_type_and_works_once(http, phone, shop):
    code = await invited(shop)
    typed = f" {code[:5].lower()}-{code[5:]} "
    assert (await phone.post("/v1/test-phones/accept", {"code": typed})).status_code == 201
    second = await new_phone(http)
    assert (await second.post("/v1/test-phones/accept", {"code": code})).status_code == 404
    assert len(await ids(shop)) == 1


async def test_a_retry_of_either_side_is_answered_alike(phone, shop):
    headers = {"idempotency-key": "once-and-again"}
    first = await shop.client.post("/v1/test-phones", json={"label": "A"}, headers=headers)
    again = await shop.client.post("/v1/test-phones", json={"label": "A"}, headers=headers)
    assert again.json() == {**first.json(), "code": None}, "told once"
    body = {"code": first.json()["code"]}
    accepted = await phone.post("/v1/test-phones/accept", body, headers=headers)
    assert (await phone.post("/v1/test-phones/accept", body, headers=headers)).json() == accepted.json()


async def test_a_code_ends_after_ten_minutes(phone, shop, sql):
    code = await invited(shop)
    await sql.execute(
        "UPDATE test_phone_invitations SET expires_at = alentour_now() WHERE retailer_id = $1",
        shop.retailer_id,
    )
    assert (await phone.post("/v1/test-phones/accept", {"code": code})).status_code == 404
    holds = "SELECT expires_at - alentour_now() < interval '10 minutes' FROM test_phone_invitations"
    await invited(shop)
    assert await sql.fetchval(f"{holds} WHERE retailer_id = $1", shop.retailer_id)


async def test_what_cannot_be_a_code_is_told_so(phone):
    for code in ("", "short", "7QK4MZ2HV!", "U" * 10):
        answer = await phone.post("/v1/test-phones/accept", {"code": code})
        assert answer.status_code == 400
        assert "code" in faults_of(answer)


async def test_only_so_many_invitations_are_open(shop, sql):
    for _ in range(20):
        await invited(shop)
    answer = await shop.client.post("/v1/test-phones", json={"label": "One more"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    await sql.execute(
        "UPDATE test_phone_invitations SET expires_at = alentour_now() WHERE retailer_id = $1",
        shop.retailer_id,
    )
    await invited(shop)


async def test_the_same_phone_stays_the_same_test_phone(phone, shop):
    first = await enrolled(phone, shop, "Old")
    assert await enrolled(phone, shop, "New") == first
    (listed,) = (await shop.client.get("/v1/test-phones")).json()["items"]
    assert listed["label"] == "New"


async def test_another_retailer_sees_and_moves_nothing(phone, shop, other_shop):
    test_phone_id = await enrolled(phone, shop)
    theirs = await other_shop.offer()
    assert await ids(other_shop) == []
    assert (await other_shop.client.delete(f"/v1/test-phones/{test_phone_id}")).status_code == 404
    assert (await preview(other_shop, theirs["offer_id"], test_phone_id)).status_code == 404
    assert (await preview(shop, theirs["offer_id"], test_phone_id)).status_code == 404
    assert await ids(shop) == [test_phone_id]
    assert await previews(phone) == []


async def test_either_side_ends_it_and_previews_go_with_it(phone, shop):
    offer = await shop.offer()
    test_phone_id = await enrolled(phone, shop)
    await preview(shop, offer["offer_id"], test_phone_id)
    assert (await shop.client.delete(f"/v1/test-phones/{test_phone_id}")).status_code == 204
    assert await previews(phone) == []
    assert (await shop.client.delete(f"/v1/test-phones/{test_phone_id}")).status_code == 404
    test_phone_id = await enrolled(phone, shop)
    await preview(shop, offer["offer_id"], test_phone_id)
    assert [(await leave(phone, shop)).status_code for _ in range(2)] == [204, 404]
    assert await previews(phone) == []
    assert await ids(shop) == []
    assert (await preview(shop, offer["offer_id"], test_phone_id)).status_code == 404


async def test_a_revoked_phone_is_no_test_phone_any_more(phone, shop, sql):
    test_phone_id = await enrolled(phone, shop)
    await phone.post(f"/v1/me/devices/{phone.device_id}/revoke")
    assert await ids(shop) == []
    offer = await shop.offer()
    assert (await preview(shop, offer["offer_id"], test_phone_id)).status_code == 404
    assert await sql.fetchval("SELECT count(*) FROM test_phones WHERE customer_id = $1", phone.key[1]) == 0


async def test_the_lists_come_in_pages(http, phone, shop, other_shop):
    found = [await enrolled(await new_phone(http), shop) for _ in range(3)]
    first = (await shop.client.get("/v1/test-phones", params={"limit": 2})).json()
    second = (await shop.client.get("/v1/test-phones", params={"cursor": first["next_cursor"]})).json()
    listed = [one["test_phone_id"] for one in (*first["items"], *second["items"])]
    assert listed == sorted(found)
    for one in (shop, other_shop):
        await enrolled(phone, one)
    first = (await phone.get("/v1/me/test-phones", params={"limit": 1})).json()
    second = (await phone.get("/v1/me/test-phones", params={"cursor": first["next_cursor"]})).json()
    assert [one["retailer_id"] for one in (*first["items"], *second["items"])] == [
        shop.retailer_id,
        other_shop.retailer_id,
    ]


async def test_keys_do_what_their_role_allows(phone, shop, admin):
    assert (await shop.read_only.post("/v1/test-phones", json={"label": "A"})).status_code == 403
    assert (await shop.till.get("/v1/test-phones")).status_code == 403
    assert (await admin.post("/v1/test-phones", json={"label": "A"})).status_code == 400
    params = {"retailer_id": shop.retailer_id}
    assert (await admin.post("/v1/test-phones", json={"label": "A"}, params=params)).status_code == 201
    unknown = {"retailer_id": 999_999_999}
    assert (await admin.post("/v1/test-phones", json={"label": "A"}, params=unknown)).status_code == 404


# Previews


async def test_a_draft_shows_on_the_phone_marked_and_without_a_code(phone, shop):
    offer = await shop.offer(
        content={
            "en": {"title": "Soup", "text": "Half price."},
            "fr": {"title": "Soupe", "text": "Moitié prix."},
        },
        tags=["lunch"],
    )
    answer = await preview(shop, offer["offer_id"], await enrolled(phone, shop))
    assert answer.status_code == 201
    (shown,) = await previews(phone)
    assert shown["preview_id"] == answer.json()["preview_id"]
    assert shown["is_preview"] is True
    assert (shown["title"], shown["language"], shown["tags"]) == ("Soup", "en", ["lunch"])
    assert shown["expires_at"] == answer.json()["expires_at"]
    assert "code" not in shown
    await phone.patch("/v1/me/preferences", {"language": "fr"})
    await preview(shop, offer["offer_id"], answer.json()["test_phone_id"])
    assert [one["title"] for one in await previews(phone)] == ["Soupe", "Soup"]


async def test_a_preview_is_never_counted_capped_or_redeemable(phone, shop, sql):
    offer = await shop.offer()
    test_phone_id = await enrolled(phone, shop)
    for _ in range(5):  # more than the limits of a day
        assert (await preview(shop, offer["offer_id"], test_phone_id)).status_code == 201
    assert len(await previews(phone)) == 5
    assert (await phone.get("/v1/inbox")).json()["items"] == []
    assert await sql.fetchval("SELECT count(*) FROM deliveries WHERE offer_id = $1", offer["offer_id"]) == 0
    counts = (await shop.client.get(f"/v1/offers/{offer['offer_id']}/counts")).json()
    assert not any(
        value for value in counts.values() if isinstance(value, int) and value != offer["offer_id"]
    )
    (capped, *_) = (await phone.get("/v1/caps/effective")).json()["caps"]
    assert capped["counted"] == 0
    shown = (await previews(phone))[0]
    events = await phone.post(f"/v1/deliveries/{shown['preview_id']}/events", {"event": "opened"})
    assert events.status_code == 404


async def test_only_that_phone_of_the_person_shows_it(http, phone, shop):
    code = (await phone.post("/v1/me/link-codes")).json()
    second = await new_phone(http, link_code=code["code"])
    await phone.post(f"/v1/me/link-codes/{code['code_id']}/confirm")
    offer = await shop.offer()
    await preview(shop, offer["offer_id"], await enrolled(phone, shop))
    assert len(await previews(phone)) == 1
    assert await previews(second) == []


async def test_a_preview_is_gone_after_an_hour(phone, shop, sql):
    offer = await shop.offer()
    answer = await preview(shop, offer["offer_id"], await enrolled(phone, shop))
    hold = "SELECT expires_at - created_at FROM previews WHERE preview_id = $1"
    assert (await sql.fetchval(hold, answer.json()["preview_id"])).total_seconds() == 3600
    await sql.execute("UPDATE previews SET expires_at = alentour_now() WHERE customer_id = $1", phone.key[1])
    assert await previews(phone) == []


async def test_a_phone_shows_the_latest_twenty(phone, shop):
    offer = await shop.offer()
    test_phone_id = await enrolled(phone, shop)
    made = [(await preview(shop, offer["offer_id"], test_phone_id)).json()["preview_id"] for _ in range(22)]
    assert [one["preview_id"] for one in await previews(phone)] == made[:1:-1]


async def _events(phone: Phone, wanted: int) -> list[tuple[str, dict[str, Any], bool]]:
    """The first events of a stream: their kind, their data, and whether they have an id."""
    found: list[tuple[str, dict[str, Any], bool]] = []
    kind, has_id = "", False
    async with (
        asyncio.timeout(SOON_S),
        phone.http.stream("GET", "/v1/live", headers=phone.headers) as answer,
    ):
        async for line in answer.aiter_lines():
            has_id = has_id or line.startswith("id: ")
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((kind, json.loads(line.removeprefix("data: ")), has_id))
                kind, has_id = "", False
                if len(found) == wanted:
                    break
    return found


async def test_the_live_stream_tells_a_preview_once_beside_deliveries(phone, shop, rows):
    offer = await shop.offer()
    test_phone_id = await enrolled(phone, shop)
    await preview(shop, offer["offer_id"], test_phone_id)
    listening = asyncio.create_task(_events(phone, 3))
    await asyncio.sleep(1.0)  # several polls: it must not come again
    await preview(shop, offer["offer_id"], test_phone_id)
    await asyncio.sleep(1.0)
    await _is_given(rows, phone)
    events = await listening
    assert [(kind, has_id) for kind, _, has_id in events] == [
        ("preview", False),
        ("preview", False),
        ("delivery", True),
    ]
    newest, oldest = await previews(phone)
    assert [data for _, data, _ in events[:2]] == [oldest, newest]


async def _is_given(rows: Any, phone: Phone) -> None:
    written = await Written.opens(rows)
    await written.gives(phone, await written.offers())


async def test_previews_need_no_consent_and_respect_no_quiet_hours(phone, shop, rows):
    """The person let the business do this on the phone; nothing else about them changes."""
    assert (await phone.get("/v1/consents")).json()["granted"] == []
    offer = await shop.offer()
    await World(rows).edited()
    await phone.patch("/v1/me/preferences", {"quiet_hours": {"start": "00:00", "end": "23:59"}})
    assert (await preview(shop, offer["offer_id"], await enrolled(phone, shop))).status_code == 201
    assert len(await previews(phone)) == 1
    assert (await phone.get("/v1/consents")).json()["granted"] == []
