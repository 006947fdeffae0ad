"""Offers in bulk over HTTP: as JSON, CSV and GeoJSON, under the rules that hold for one."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.http.bringing import BREAD, SITES, bring, collection, counted, named, offer_called, take
from tests.http.shop_offers import NO_LIMITS, budget_of, deliver, move
from tests.http.shops import Shop, admin, circle, faults_of, other_shop, shop, soup, sql, version_of

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures


async def offers_in(sql: asyncpg.Connection, shop: Shop) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM offers WHERE retailer_id = $1", shop.retailer_id)
    return count


async def test_offers_come_as_drafts_and_are_left_alone_the_second_time(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    offers = [named(n, budget={"deliveries": 10 + n, "per_day": 5}) for n in range(3)]
    assert await counted(shop, "offers", {"offers": offers}) == (3, 0, 0, 0)
    before = await version_of(sql)
    assert await counted(shop, "offers", {"offers": offers}) == (0, 0, 3, 0)
    assert await version_of(sql) == before, "workers were told of nothing"
    offer = await offer_called(shop, "offer-2")
    assert (offer["status"], offer["budget"]) == ("draft", {**NO_LIMITS, "deliveries": 12, "per_day": 5})
    assert await budget_of(sql, offer) == (12, 12)


async def test_an_edit_of_many_says_of_each_what_a_single_edit_would(shop: Shop) -> None:
    said = {"priority": 7, "budget": {"redemptions": 3}, "audience": {"languages": ["fr"]}}
    await bring(shop, "offers", {"offers": [named(0), named(1)]})
    assert await counted(shop, "offers", {"offers": [named(0, **said), named(1)]}) == (0, 1, 1, 0)
    one = await offer_called(shop, "offer-1")
    other = (await shop.client.put(f"/v1/offers/{one['offer_id']}", json=named(1, **said))).json()
    edited = await offer_called(shop, "offer-0")
    differing = {"offer_id", "external_id", "created_at", "updated_at"}
    assert {name: value for name, value in edited.items() if name not in differing} == {
        name: value for name, value in other.items() if name not in differing
    }
    assert edited["revision"] == 2


async def test_what_a_single_edit_refuses_is_refused_of_its_row(shop: Shop) -> None:
    await bring(shop, "offers", {"offers": [named(n) for n in range(4)]})
    for number, move_to in ((0, "activate"), (1, "end")):
        await move(shop, await offer_called(shop, f"offer-{number}"), move_to)
    changed = [
        named(0, triggers=["exit"], channel="inbox"),
        named(1, priority=1),
        named(2, priority=7),
        named(3),
        named(4),
    ]
    refused = await bring(shop, "offers", {"offers": changed})
    assert (refused.status_code, refused.json()["code"]) == (400, "rows_refused")
    assert set(faults_of(refused)) == {"offers[0].triggers", "offers[0].channel", "offers[1].status"}
    assert (await offer_called(shop, "offer-2"))["revision"] == 1, "nothing was written"
    assert await counted(shop, "offers", {"offers": changed}, partial=True) == (1, 1, 1, 2)
    assert (await offer_called(shop, "offer-2"))["priority"] == 7


async def test_budgets_move_by_the_difference_and_only_as_far_as_they_can(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    await bring(shop, "offers", {"offers": [named(n, budget={"deliveries": 100}) for n in range(3)]})
    offers = [await offer_called(shop, f"offer-{n}") for n in range(3)]
    for offer in offers[:2]:  # a worker has leased 30 units
        await sql.execute(
            "UPDATE offer_budgets SET deliveries_available = deliveries_available - 30 WHERE offer_id = $1",
            offer["offer_id"],
        )
    lowered = [named(0, budget={"deliveries": 40}), named(1, budget={"deliveries": 29}, priority=9), named(2)]
    refused = await bring(shop, "offers", {"offers": lowered})
    assert list(faults_of(refused)) == ["offers[1].budget.deliveries"]
    assert await budget_of(sql, offers[0]) == (100, 70)
    dry = (await bring(shop, "offers", {"offers": lowered}, dry_run=True)).json()
    assert (dry["created"], dry["updated"], dry["refused"]) == (0, 0, 1), "as the import itself: none"
    assert await counted(shop, "offers", {"offers": lowered}, partial=True) == (0, 2, 0, 1)
    assert [await budget_of(sql, offer) for offer in offers] == [(40, 10), (100, 70), (None, None)]
    assert (await offer_called(shop, "offer-1"))["priority"] == 0, "a row is written whole or not at all"


async def test_a_first_limit_waits_for_the_stop_and_counts_what_was_given(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    await bring(shop, "offers", {"offers": [named(0), named(1)]})
    running, draft = [await offer_called(shop, f"offer-{n}") for n in range(2)]
    await move(shop, running, "activate")
    for _ in range(3):
        await deliver(sql, shop, running)
    limited = {"offers": [named(n, budget={"deliveries": 10, "per_day": 5}) for n in range(2)]}
    refused = await bring(shop, "offers", limited)
    assert set(faults_of(refused)) == {"offers[0].budget.deliveries", "offers[0].budget.per_day"}
    await move(shop, running, "stop")
    assert await counted(shop, "offers", limited) == (0, 2, 0, 0)
    assert [await budget_of(sql, offer) for offer in (running, draft)] == [(10, 7), (10, 10)]
    available = "SELECT day_available FROM offer_budgets WHERE offer_id = $1"
    assert [await sql.fetchval(available, offer["offer_id"]) for offer in (running, draft)] == [2, 5]
    short = {"offers": [named(0, budget={"deliveries": 2}), named(1)]}
    assert list(faults_of(await bring(shop, "offers", short))) == ["offers[0].budget.deliveries"]


async def test_with_codes_of_ones_own_a_row_that_says_nothing_of_deliveries_changes_nothing(
    shop: Shop,
) -> None:
    offer = named(0, code_format="code_128")
    await bring(shop, "offers", {"offers": [offer]})
    path = f"/v1/offers/{(await offer_called(shop, 'offer-0'))['offer_id']}/codes"
    await shop.client.post(path, json={"codes": ["A1", "A2"]})
    assert (await offer_called(shop, "offer-0"))["budget"]["deliveries"] == 2
    assert await counted(shop, "offers", {"offers": [offer]}) == (0, 0, 1, 0)
    by_hand = await bring(shop, "offers", {"offers": [{**offer, "budget": {"deliveries": 3}}]})
    assert list(faults_of(by_hand)) == ["offers[0].budget.deliveries"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"content": {}}, "content"),
    ({"content": {"en": {"title": "", "text": "x"}}}, "content.en.title"),
    ({"triggers": ["leave"]}, "triggers[0]"),
    ({"channel": "fax"}, "channel"),
    ({"fences": {}}, "fences"),
    ({"fences": {"external_ids": ["nowhere"]}}, "fences.external_ids[0]"),
    ({"fences": {"site_external_ids": ["nowhere"]}}, "fences.site_external_ids[0]"),
    ({"fences": {"external_ids": ["a\0b"]}}, "fences.external_ids[0]"),
    ({"fences": {"ids": [9_000_000_000]}}, "fences.ids[0]"),
    ({"schedule": {"weekly_hours": "whenever"}}, "schedule.weekly_hours"),
    ({"schedule": {"ends_at": "2026-07-01T10:00:00"}}, "schedule.ends_at"),
    ({"budget": {"deliveries": -1}}, "budget.deliveries"),
    ({"budget": {"time_zone": "Mars/Olympus"}}, "budget.time_zone"),
    ({"limits": {"ignores_caps": True}}, "limits.ignores_caps"),
    ({"limits": {"counts_toward_caps": False}}, "limits.counts_toward_caps"),
    ({"audience": {"interests": ["soup"]}}, "audience.if_not_known"),
    ({"holdout_percent": 51}, "holdout_percent"),
    ({"priorty": 3}, ""),
    ({"external_id": None}, "external_id"),
    ({"external_id": "offer-0"}, "external_id"),
]


@pytest.mark.parametrize(("said", "field"), WRONG)
async def test_a_wrong_offer_is_told_by_its_number_and_member(
    shop: Shop, sql: asyncpg.Connection, said: dict[str, Any], field: str
) -> None:
    body = {"offers": [named(0), {**named(1), **said}]}
    refused = await bring(shop, "offers", body)
    assert refused.status_code == 400, refused.text
    assert list(faults_of(refused)) == [f"offers[1].{field}".rstrip(".")]
    assert await offers_in(sql, shop) == 0


async def test_a_dry_run_tells_all_and_writes_nothing(shop: Shop, sql: asyncpg.Connection) -> None:
    offers = [
        named(0),
        named(1, schedule={"weekly_hours": "whenever"}),
        named(2, fences={"external_ids": ["x"]}),
    ]
    report = (await bring(shop, "offers", {"offers": offers}, dry_run=True, partial=True)).json()
    assert (report["created"], report["refused"]) == (1, 2)
    assert {one["field"] for one in report["errors"]} == {
        *("offers[1].schedule.weekly_hours", "offers[2].fences.external_ids[0]"),
    }
    assert await offers_in(sql, shop) == 0


@pytest.mark.parametrize("body", [{}, {"offers": []}, {"offers": {}}, {"offer": [soup()]}, []])
async def test_a_body_without_offers_is_refused(shop: Shop, body: object) -> None:
    refused = await bring(shop, "offers", body)
    assert refused.status_code == 400
    assert faults_of(refused)


async def test_an_offer_that_an_admin_took_out_of_the_caps_stays_so(
    shop: Shop, admin: httpx.AsyncClient
) -> None:
    loose = {"offers": [named(0, limits={"ignores_caps": True})]}
    by_admin = await admin.post("/v1/offers/import", json=loose, params={"retailer_id": shop.retailer_id})
    assert by_admin.json()["created"] == 1
    exported = await take(shop, "/v1/offers/export")
    assert await counted(shop, "offers", exported) == (0, 0, 1, 0), "its own export is no change"
    refused = await bring(shop, "offers", {"offers": [named(0)]})
    assert list(faults_of(refused)) == ["offers[0].limits.ignores_caps"]


async def test_places_of_another_retailer_are_not_there(shop: Shop, other_shop: Shop) -> None:
    fence_id = await other_shop.fence(external_id="theirs")
    offers = [
        named(0, fences={"external_ids": ["theirs"]}),
        named(1, fences={"ids": [fence_id]}),
        named(2, fences={"external_ids": [f"alentour-fence-{fence_id}"]}),
    ]
    refused = await bring(shop, "offers", {"offers": offers})
    assert set(faults_of(refused)) == {
        *("offers[0].fences.external_ids[0]", "offers[1].fences.ids[0]"),
        "offers[2].fences.external_ids[0]",
    }
    await bring(other_shop, "offers", {"offers": [named(0)]})
    assert await counted(shop, "offers", {"offers": [named(0, priority=3)]}) == (1, 0, 0, 0)
    assert (await offer_called(other_shop, "offer-0"))["priority"] == 0


async def test_a_read_key_imports_nothing(shop: Shop) -> None:
    for client in (shop.read_only, shop.till):
        answer = await client.post("/v1/offers/import", json={"offers": [named(0)]})
        assert answer.status_code == 403


async def test_two_imports_of_the_same_offers_at_once_make_each_offer_once(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    body = {"offers": [named(n) for n in range(300)]}
    turned = {"offers": body["offers"][::-1]}
    answers = await asyncio.gather(bring(shop, "offers", body), bring(shop, "offers", turned))
    assert {answer.status_code for answer in answers} <= {200, 400, 429}
    assert 200 in {answer.status_code for answer in answers}
    assert await offers_in(sql, shop) == 300
    budgets = "SELECT count(*) FROM offer_budgets JOIN offers USING (offer_id) WHERE retailer_id = $1"
    assert await sql.fetchval(budgets, shop.retailer_id) == 300


# GeoJSON


def leaflet(name: str, **properties: Any) -> dict[str, Any]:
    """A feature as a map editor keeps it: flat."""
    flat = {
        "external_id": name,
        "content.en.title": "Soup",
        "content.en.text": "At half price.",
        "triggers": "enter|dwell",
        "channel": "push",
        "fence.radius_m": 80,
        "budget.per_day": "5",
        "priority": None,
    }
    return {**circle(), "properties": {**flat, **properties}}


async def test_a_feature_is_an_offer_and_the_fence_it_is_drawn_as(shop: Shop) -> None:
    await bring(shop, "sites", SITES + BREAD)
    body = collection(
        leaflet("lunch", **{"fence.site_external_id": "bread", "fence.tags": "a|b"}),
        leaflet("more", **{"fence.external_id": "corner", "fence.name": "The corner"}),
    )
    answer = await bring(shop, "offers", body)
    report = answer.json()
    assert (report["created"], report["fences"]) == (2, {"created": 2, "updated": 0, "unchanged": 0}), report
    fences = {
        one["properties"]["external_id"]: one for one in (await take(shop, "/v1/fences/export"))["features"]
    }
    assert fences.keys() == {"lunch", "corner"}
    lunch, corner = fences["lunch"]["properties"], fences["corner"]["properties"]
    assert (lunch["name"], lunch["site_external_id"], lunch["tags"]) == ("Soup", "bread", ["a", "b"])
    assert (corner["name"], corner["radius_m"]) == ("The corner", 80)
    offers = {one["external_id"]: one for one in (await take(shop, "/v1/offers/export"))["offers"]}
    assert offers["lunch"]["fences"]["external_ids"] == ["lunch"]
    assert offers["more"]["fences"]["external_ids"] == ["corner"]
    assert (offers["lunch"]["triggers"], offers["lunch"]["budget"]["per_day"]) == (["enter", "dwell"], 5)
    again = (await bring(shop, "offers", body)).json()
    assert (again["unchanged"], again["fences"]["unchanged"]) == (2, 2)
    moved = {**leaflet("lunch"), "geometry": {"type": "Point", "coordinates": [24.94, 60.165]}}
    third = (await bring(shop, "offers", collection(moved))).json()
    assert (third["unchanged"], third["fences"]["updated"]) == (1, 1)


async def test_a_feature_may_be_nested_or_without_a_geometry(shop: Shop) -> None:
    await shop.fence(external_id="around")
    nested = {**circle(), "id": "by-id", "properties": {**soup(), "fence": {"radius_m": 100}}}
    placed = {"type": "Feature", "geometry": None, "properties": named(1, fences={"external_ids": ["by-id"]})}
    assert await counted(shop, "offers", collection(nested, placed)) == (2, 0, 0, 0)
    offer = await offer_called(shop, "by-id")
    assert offer["fences"]["tags"] == ["soup"], "with the places that it names besides"
    assert offer["fences"]["ids"] == (await offer_called(shop, "offer-1"))["fences"]["ids"]


@pytest.mark.parametrize(
    ("feature", "field"),
    [
        (leaflet("a", **{"fence.radius_m": 5}), "properties.fence.radius_m"),
        (leaflet("a", **{"fence.radius_m": None}), "properties.fence.radius_m"),
        (leaflet("a", **{"fence.site_external_id": "nowhere"}), "properties.fence.site_external_id"),
        (leaflet("a", **{"fence.dwell_s": 5}), "properties.fence.dwell_s"),
        (leaflet("a", **{"fence.external_id": "good"}), "properties.fence.external_id"),
        (leaflet("a", **{"budget.per_day": "many"}), "properties.budget.per_day"),
        (leaflet("a", **{"content.en.title": ""}), "properties.content.en.title"),
        (leaflet("a", colour="red"), "properties"),
        (leaflet("good"), "properties.external_id"),
        ({**leaflet("a"), "geometry": {"type": "LineString", "coordinates": []}}, "geometry.type"),
        ({**leaflet("a"), "geometry": None}, "properties.fence"),
        ({**leaflet("a"), "type": "Offer"}, "type"),
        ({**leaflet("a"), "crs": {"type": "name"}}, "crs"),
    ],
)
async def test_a_wrong_feature_is_told_and_leaves_no_fence(
    shop: Shop, sql: asyncpg.Connection, feature: dict[str, Any], field: str
) -> None:
    refused = await bring(shop, "offers", collection(leaflet("good"), feature))
    assert (refused.status_code, refused.json()["code"]) == (400, "rows_refused")
    assert list(faults_of(refused)) == [f"features[1].{field}"]
    fences = "SELECT count(*) FROM fences WHERE retailer_id = $1"
    assert (await sql.fetchval(fences, shop.retailer_id), await offers_in(sql, shop)) == (0, 0)


async def test_a_fence_goes_with_its_offer_where_the_offer_is_refused(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    limited = {"budget.deliveries": 100}
    await bring(shop, "offers", collection(leaflet("a", **limited), leaflet("b", **limited)))
    offer = await offer_called(shop, "a")
    spent = "UPDATE offer_budgets SET deliveries_available = 0 WHERE offer_id = $1"
    await sql.execute(spent, offer["offer_id"])
    less = {"budget.deliveries": 50, "fence.radius_m": 120}
    body = collection(
        leaflet("a", **less),
        leaflet("b", **less),
        {**leaflet("c"), "geometry": None, "properties": named(3, fences={"external_ids": ["a"]})},
    )
    report = (await bring(shop, "offers", body, partial=True)).json()
    assert [error["field"] for error in report["errors"]] == ["features[0].properties.budget.deliveries"]
    assert (report["created"], report["updated"], report["fences"]["updated"]) == (1, 1, 1)
    radii = "SELECT external_id, radius_m FROM fences WHERE retailer_id = $1"
    assert dict(await sql.fetch(radii, shop.retailer_id)) == {"a": 80, "b": 120}


async def test_an_active_offer_cannot_be_drawn_somewhere_else(shop: Shop) -> None:
    await bring(shop, "offers", collection(leaflet("a")))
    await move(shop, await offer_called(shop, "a"), "activate")
    elsewhere = leaflet("a", **{"fence.external_id": "another"})
    refused = await bring(shop, "offers", collection(elsewhere))
    assert list(faults_of(refused)) == ["features[0].properties.fences.ids"]


async def test_ten_thousand_offers_come_and_are_changed_in_one_import_each(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    fences = {"external_ids": [await named_fence(shop)]}
    offers = [named(n, fences=fences, budget={"deliveries": 10}) for n in range(10_000)]
    assert await counted(shop, "offers", {"offers": offers}) == (10_000, 0, 0, 0)
    changed = [{**offer, "priority": 3, "budget": {"deliveries": 20, "per_day": 4}} for offer in offers]
    assert await counted(shop, "offers", {"offers": changed}) == (0, 10_000, 0, 0)
    moved = "SELECT count(*) FROM offer_budgets JOIN offers USING (offer_id) WHERE retailer_id = $1"
    moved += " AND deliveries_available = 20 AND day_available = 4"
    assert await sql.fetchval(moved, shop.retailer_id) == 10_000
    table = await take(shop, "/v1/offers/export", format="csv")
    assert await counted(shop, "offers", table) == (0, 0, 10_000, 0)
    too_many = await bring(shop, "offers", {"offers": [*offers, named(10_000)]})
    assert set(faults_of(too_many)) == {"offers"}
    await sql.execute("DELETE FROM offers WHERE retailer_id = $1", shop.retailer_id)


async def named_fence(shop: Shop) -> str:
    name = uuid4().hex
    await shop.fence(external_id=name)
    return name
