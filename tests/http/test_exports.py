"""Everything that a retailer defined goes out over HTTP, and comes back in, here and elsewhere, unchanged."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.http.bringing import BREAD, SITES, bring, counted, named, offer_called, take
from tests.http.shop_offers import move
from tests.http.shops import Shop, circle, other_shop, shop, sql

__all__ = ["other_shop", "shop", "sql"]  # fixtures

SQUARE = "POLYGON((24.93 60.16,24.94 60.16,24.94 60.17,24.93 60.16))"


async def test_everything_a_retailer_defined_goes_out_and_into_another_unchanged(
    shop: Shop, other_shop: Shop
) -> None:
    await bring(shop, "sites", SITES + BREAD)
    [site] = (await shop.client.get("/v1/sites")).json()["items"]
    await shop.client.post("/v1/fences", json=circle(external_id="around", site_id=site["site_id"]))
    fences = {"tags": ["soup"], "external_ids": ["around"], "site_external_ids": ["bread"]}
    await bring(shop, "offers", {"offers": [named(n, fences=fences) for n in range(3)]})
    offer = await offer_called(shop, "offer-1")
    caps = [
        {"scope": "retailer", "at_most": 3, "window": {"calendar": "week"}},
        {"scope": "offer", "at_most": 1, "window": {"rolling_s": 86_400}, "offer_id": offer["offer_id"]},
    ]
    for cap in caps:
        assert (await shop.client.post("/v1/caps", json=cap)).status_code == 201
    exported = await take(shop, "/v1/export")
    for what in ("sites", "fences"):
        assert (await counted(other_shop, what, exported[what]))[0] == 1
    assert await counted(other_shop, "offers", exported) == (3, 0, 0, 0), "the whole document"
    again = await take(other_shop, "/v1/export")
    assert {**again, "caps": exported["caps"]} == exported
    assert [(one["at_most"], one["offer_external_id"]) for one in exported["caps"]] == [
        *((3, None), (1, "offer-1")),
    ]


@pytest.mark.parametrize("what", ["sites", "fences"])
async def test_places_go_into_a_spreadsheet_and_come_back(shop: Shop, other_shop: Shop, what: str) -> None:
    for one in (shop, other_shop):
        await bring(one, "sites", SITES + BREAD)
    lines = f'external_id,name,lat,lon,radius_m,wkt\nc,C,60.16,24.93,80,\ns,S,,,,"{SQUARE}"\n'
    await bring(shop, "fences", lines)
    table = await take(shop, f"/v1/{what}/export", format="csv")
    answer = await bring(other_shop, what, table)
    assert answer.json()["refused"] == 0, answer.text
    exports = [await take(one, f"/v1/{what}/export", format="csv") for one in (shop, other_shop)]
    assert exports[0] == exports[1]


async def test_offers_go_into_a_spreadsheet_and_come_back(shop: Shop, other_shop: Shop) -> None:
    content = {"en": {"title": "=1+1 for lunch", "text": 'Two; "and" a, half\nlines'}}
    offer = named(
        0,
        content=content,
        tags=["soup", "lunch"],
        schedule={"weekly_hours": "Mo-Fr 11:00-14:00"},
        audience={"languages": ["fr"], "attributes": {"tier": ["gold", "tin"]}, "if_not_known": "exclude"},
    )
    await bring(shop, "offers", {"offers": [offer]})
    table = await take(shop, "/v1/offers/export", format="csv")
    assert "'=1+1 for lunch" in table
    assert (await bring(other_shop, "offers", table)).json()["created"] == 1
    both = [await take(one, "/v1/offers/export") for one in (shop, other_shop)]
    assert both[0] == both[1]
    assert both[0]["offers"][0]["content"] == content


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/geo+json", "application/geo+json"),
        ("text/html, */*", "application/json"),
    ],
)
async def test_the_form_may_be_asked_for_by_header(shop: Shop, accept: str, media_type: str) -> None:
    answer = await shop.read_only.get("/v1/sites/export", headers={"accept": accept})
    assert (answer.headers["content-type"], answer.headers["vary"]) == (media_type, "Accept")
    assert "attachment" in answer.headers["content-disposition"]


# What has no external_id


async def nameless(shop: Shop) -> dict[str, Any]:
    """An offer on a fence, neither with a name of the retailer's."""
    return await shop.offer(fences={"ids": [await shop.fence()]})


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_what_has_no_name_is_found_by_the_one_that_its_export_gave_it(shop: Shop, form: str) -> None:
    offer = await nameless(shop)
    [fence_id] = offer["fences"]["ids"]
    exported = {what: await take(shop, f"/v1/{what}/export", format=form) for what in ("fences", "offers")}
    for what, body in exported.items():
        assert await counted(shop, what, body, dry_run=True) == (0, 1, 0, 0)
        assert await counted(shop, what, body) == (0, 1, 0, 0), "it keeps the name"
        assert await counted(shop, what, body) == (0, 0, 1, 0)
    fence = (await shop.client.get(f"/v1/fences/{fence_id}")).json()
    assert fence["properties"]["external_id"].startswith(f"alentour-fence-{fence_id}-")
    assert fence["properties"]["revision"] == 2
    named_by_now = (await shop.client.get(f"/v1/offers/{offer['offer_id']}")).json()
    assert named_by_now["external_id"].startswith(f"alentour-offer-{offer['offer_id']}-")
    assert named_by_now["fences"] == offer["fences"]


async def test_what_has_no_name_goes_to_another_retailer_as_it_is(shop: Shop, other_shop: Shop) -> None:
    await nameless(shop)
    exported = await take(shop, "/v1/export")
    for what, body in (("fences", exported["fences"]), ("offers", exported)):
        assert await counted(other_shop, what, body) == (1, 0, 0, 0)
    again = await take(other_shop, "/v1/export")
    assert again == exported


async def test_two_imports_of_the_same_export_at_once_name_each_thing_once(shop: Shop) -> None:
    for _ in range(20):
        await nameless(shop)
    exported = await take(shop, "/v1/export")
    for what, body in (("fences", exported["fences"]), ("offers", exported)):
        answers = await asyncio.gather(*(bring(shop, what, body) for _ in range(2)))
        reports = [answer.json() for answer in answers]
        told = sorted((one["created"], one["updated"], one["unchanged"]) for one in reports)
        assert told == [(0, 0, 20), (0, 20, 0)]
    assert await take(shop, "/v1/export") == exported


async def test_the_number_alone_names_nothing(shop: Shop, other_shop: Shop) -> None:
    """Another installation counts from 1 as well: its fence of that number is another."""
    fence_id = await shop.fence()
    [feature] = (await take(shop, "/v1/fences/export"))["features"]
    name = feature["properties"]["external_id"]
    for wrong in (f"alentour-fence-{fence_id}-1", f"alentour-fence-{fence_id}", "alentour-fence-x-1"):
        offers = {"offers": [named(0, fences={"external_ids": [wrong]})]}
        assert (await bring(shop, "offers", offers)).status_code == 400
        feature["properties"]["external_id"] = wrong
        body = {"type": "FeatureCollection", "features": [feature]}
        assert await counted(shop, "fences", body) == (1, 0, 0, 0), wrong
    theirs = {"offers": [named(0, fences={"external_ids": [name]})]}
    assert (await bring(other_shop, "offers", theirs)).status_code == 400


async def test_a_name_that_something_else_has_by_now_is_that_ones(shop: Shop) -> None:
    fence_id = await shop.fence()
    [feature] = (await take(shop, "/v1/fences/export"))["features"]
    other_id = await shop.fence(external_id=feature["properties"]["external_id"], name="Another")
    await bring(shop, "fences", {"type": "FeatureCollection", "features": [feature]})
    names = [
        (await shop.client.get(f"/v1/fences/{one}")).json()["properties"]["external_id"]
        for one in (fence_id, other_id)
    ]
    assert names == [None, feature["properties"]["external_id"]]


# What has ended


async def test_an_offer_that_has_ended_is_left_alone_even_if_its_places_are_gone(
    shop: Shop, other_shop: Shop, sql: asyncpg.Connection
) -> None:
    fence_id = await shop.fence(external_id="gone")
    offer = await shop.offer(external_id="over", fences={"ids": [fence_id]})
    for move_to in ("activate", "end"):
        await move(shop, offer, move_to)
    assert (await shop.client.delete(f"/v1/fences/{fence_id}")).status_code == 204
    for form in ("json", "csv"):
        exported = await take(shop, "/v1/offers/export", format=form)
        assert await counted(shop, "offers", exported) == (0, 0, 1, 0)
        assert await counted(other_shop, "offers", exported) == (0, 0, 1, 0)
    kept = await sql.fetchval("SELECT fence_ids FROM offers WHERE offer_id = $1", offer["offer_id"])
    assert kept == [fence_id]


async def test_a_row_that_says_ended_edits_an_offer_that_has_not(shop: Shop) -> None:
    await bring(shop, "offers", {"offers": [named(0)]})
    assert await counted(shop, "offers", {"offers": [named(0, status="ended", priority=5)]}) == (0, 1, 0, 0)
    offer = await offer_called(shop, "offer-0")
    assert (offer["status"], offer["priority"]) == ("draft", 5)
