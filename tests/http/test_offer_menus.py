"""Offers that lead to a menu: checked when they are written, told when they are delivered."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import httpx

from tests.http.phones import Shop as Bakery
from tests.http.phones import new_phone
from tests.http.shops import Shop, faults_of, other_shop, shop, soup, sql
from tests.menus.cards import small

__all__ = ["other_shop", "shop", "sql"]  # fixtures


async def menu_of(shop: Shop, external_id: str = "lunch") -> int:
    body = {"site_id": await shop.site(), "external_id": external_id, **small()}
    menu_id: int = (await shop.client.post("/v1/menus", json=body)).json()["menu_id"]
    return menu_id


async def test_an_offer_names_a_menu_of_its_own_retailer_only(shop: Shop, other_shop: Shop) -> None:
    menu_id, theirs = await menu_of(shop), await menu_of(other_shop)
    offer = await shop.offer(menu_id=menu_id)
    assert offer["menu_id"] == menu_id
    refused = await shop.client.post("/v1/offers", json=soup(menu_id=theirs))
    assert (refused.status_code, faults_of(refused)) == (404, {"menu_id": "there is no such menu"})
    path = f"/v1/offers/{offer['offer_id']}"
    edited = await shop.client.put(path, json=soup(menu_id=theirs))
    assert edited.status_code == 404
    assert (await shop.client.get(path)).json()["menu_id"] == menu_id
    assert (await shop.client.put(path, json=soup())).json()["menu_id"] is None


async def test_offers_are_imported_and_exported_with_the_menu_by_its_own_name(
    shop: Shop, other_shop: Shop
) -> None:
    for one in (shop, other_shop):
        await menu_of(one)
        await one.fence(external_id="around")
    row = soup(external_id="noon", fences={"external_ids": ["around"]}, menu_external_id="lunch")
    assert (await shop.client.post("/v1/offers/import", json={"offers": [row]})).json()["created"] == 1
    body = (await shop.client.get("/v1/offers/export")).json()
    assert body["offers"][0]["menu_external_id"] == "lunch"
    assert (await other_shop.client.post("/v1/offers/import", json=body)).json()["created"] == 1
    ids = [(await one.client.get("/v1/offers")).json()["items"][0]["menu_id"] for one in (shop, other_shop)]
    assert None not in ids
    assert ids[0] != ids[1]
    wrong = soup(external_id="x", fences={"external_ids": ["around"]}, menu_external_id="dinner")
    told = faults_of(await shop.client.post("/v1/offers/import", json={"offers": [wrong]}))
    assert told == {"offers[0].menu_external_id": "there is no such menu"}
    both = {**wrong, "menu_id": ids[0]}
    told = faults_of(await shop.client.post("/v1/offers/import", json={"offers": [both]}))
    assert told == {"offers[0].menu_external_id": "goes without menu_id"}


async def test_the_inbox_and_the_live_stream_lead_to_the_menu(
    rows: asyncpg.Pool, http: httpx.AsyncClient
) -> None:
    bakery, phone = await Bakery.opens(rows), await new_phone(http)
    card: dict[str, Any] = small(specials=[])
    menu_id = await rows.fetchval(
        "INSERT INTO menus (retailer_id, site_id, card, content_hash, created_at, updated_at)"
        " VALUES ($1, $2, $3, repeat('0', 64), alentour_now(), alentour_now()) RETURNING menu_id",
        bakery.retailer_id,
        bakery.site_id,
        json.dumps(card),
    )
    await bakery.gives(phone, await bakery.offers(menu_id=menu_id))
    await bakery.gives(phone, await bakery.offers())
    told = (await phone.get("/v1/inbox")).json()["items"]
    assert [one["menu_id"] for one in told] == [None, menu_id]
    async with http.stream("GET", "/v1/live", headers={**phone.headers, "last-event-id": "0"}) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:") and "menu_id" in line:
                assert json.loads(line.removeprefix("data:"))["menu_id"] == menu_id
                break
