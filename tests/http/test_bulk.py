"""Many things at once over HTTP: CSV and JSON in, everything out, and back in elsewhere unchanged."""

from __future__ import annotations

import csv
import io
from typing import Any

import asyncpg
import httpx
import pytest

from tests.http.shop_offers import NO_LIMITS, move
from tests.http.shops import Shop, admin, circle, faults_of, other_shop, shop, soup, sql

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

CSV = {"content-type": "text/csv"}
SITES = "external_id,name,lat,lon,time_zone,opening_hours,tags.cuisine\r\n"
BREAD = 'bread,"Bread, and more",60.1646,24.9385,Europe/Helsinki,Mo-Fr 08:00-18:00,bakery\r\n'


async def bring(shop: Shop, what: str, body: Any, **query: Any) -> httpx.Response:
    if isinstance(body, str | bytes):
        return await shop.client.post(f"/v1/{what}/import", content=body, headers=CSV, params=query)
    return await shop.client.post(f"/v1/{what}/import", json=body, params=query)


async def take(shop: Shop, path: str, **query: Any) -> Any:
    answer = await shop.read_only.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.text if query.get("format") == "csv" else answer.json()


def named(number: int, **said: Any) -> dict[str, Any]:
    return soup(external_id=f"offer-{number}", **said)


# CSV


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";"])
async def test_sites_come_from_a_spreadsheet(shop: Shop, mark: str, delimiter: str) -> None:
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=delimiter)
    writer.writerows(csv.reader(io.StringIO(SITES + BREAD)))
    answer = await bring(shop, "sites", (mark + lines.getvalue()).encode())
    assert (answer.status_code, answer.json()["created"]) == (200, 1), answer.text
    [site] = (await shop.client.get("/v1/sites")).json()["items"]
    assert (site["name"], site["lat"], site["tags"]) == ("Bread, and more", 60.1646, {"cuisine": "bakery"})


async def test_fences_come_as_circles_and_as_well_known_text(shop: Shop) -> None:
    await bring(shop, "sites", SITES + BREAD)
    text = (
        "external_id,name,lat,lon,radius_m,wkt,site_external_id,tags,dwell_s\n"
        "circle,Circle,60.1646,24.9385,80,,bread,soup|street,120\n"
        'square,Square,,,,"POLYGON((24.93 60.16,24.94 60.16,24.94 60.17,24.93 60.16))",,,\n'
    )
    answer = await bring(shop, "fences", text)
    assert answer.json()["created"] == 2, answer.text
    circle_, square = (await take(shop, "/v1/fences/export"))["features"]
    said = circle_["properties"]
    assert (said["site_external_id"], said["tags"], said["dwell_s"]) == ("bread", ["soup", "street"], 120)
    assert square["geometry"]["type"] == "Polygon"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("a,A,north,24.9,Europe/Helsinki,,", "rows[0].geometry.coordinates"),
        ("a,A,60.1,24.9,Mars/Olympus,,", "rows[0].properties.time_zone"),
        ("a,A,60.1,24.9,Europe/Helsinki,whenever,", "rows[0].properties.opening_hours"),
        ("a,A,60.1,24.9,Europe/Helsinki,,,too many", "rows[0].properties"),
        (",A,60.1,24.9,Europe/Helsinki,,", "rows[0].properties.external_id"),
    ],
)
async def test_a_wrong_cell_is_told_by_its_row_and_name(shop: Shop, line: str, field: str) -> None:
    refused = await bring(shop, "sites", SITES + line + "\n")
    assert refused.status_code == 400
    assert [one for one in faults_of(refused) if one.startswith(field)], faults_of(refused)
    assert (await shop.client.get("/v1/sites")).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00",
        b"",
        b"name,name\n1,2\n",
        b'name\n"open',
        SITES.encode(),
        (SITES + BREAD * 10_001).encode(),
    ],
)
async def test_what_is_no_table_is_refused_as_a_whole(shop: Shop, body: bytes) -> None:
    refused = await bring(shop, "sites", body)
    assert refused.status_code == 400
    assert set(faults_of(refused)) == {"body"}


# Offers


async def test_offers_come_as_drafts_and_are_found_unchanged_the_second_time(shop: Shop) -> None:
    offers = [named(n, budget={"deliveries": 10 + n, "per_day": 5}) for n in range(3)]
    first = (await bring(shop, "offers", {"offers": offers})).json()
    again = (await bring(shop, "offers", {"offers": offers})).json()
    assert (first["created"], again["unchanged"], again["updated"]) == (3, 3, 0)
    [offer] = (await shop.client.get("/v1/offers", params={"external_id": "offer-2"})).json()["items"]
    assert (offer["status"], offer["budget"]) == ("draft", {**NO_LIMITS, "deliveries": 12, "per_day": 5})


async def test_offers_that_are_there_are_edited_under_the_rules_of_a_single_edit(shop: Shop) -> None:
    await bring(shop, "offers", {"offers": [named(0), named(1)]})
    [running] = (await shop.client.get("/v1/offers", params={"external_id": "offer-0"})).json()["items"]
    await move(shop, running, "activate")
    changed = [named(0, triggers=["exit"]), named(1, priority=7), named(2)]
    refused = await bring(shop, "offers", {"offers": changed})
    assert (refused.status_code, refused.json()["code"]) == (400, "rows_refused")
    assert list(faults_of(refused)) == ["offers[0].triggers"]
    assert len((await shop.client.get("/v1/offers")).json()["items"]) == 2, "nothing was written"
    partly = (await bring(shop, "offers", {"offers": changed}, partial=True)).json()
    assert (partly["created"], partly["updated"], partly["refused"]) == (1, 1, 1)
    [edited] = (await shop.client.get("/v1/offers", params={"external_id": "offer-1"})).json()["items"]
    assert (edited["priority"], edited["revision"]) == (7, 2)


async def test_a_dry_run_of_offers_tells_all_and_writes_nothing(shop: Shop, sql: asyncpg.Connection) -> None:
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
    assert await sql.fetchval("SELECT count(*) FROM offers WHERE retailer_id = $1", shop.retailer_id) == 0


async def test_a_retailer_cannot_import_its_way_out_of_the_caps(shop: Shop) -> None:
    refused = await bring(shop, "offers", {"offers": [named(0, limits={"ignores_caps": True})]})
    assert list(faults_of(refused)) == ["offers[0].limits.ignores_caps"]


async def test_an_offer_twice_or_without_a_name_is_refused(shop: Shop) -> None:
    refused = await bring(shop, "offers", {"offers": [named(0), named(0), soup()]})
    assert set(faults_of(refused)) == {"offers[1].external_id", "offers[2].external_id"}


async def test_places_of_another_retailer_are_not_there(shop: Shop, other_shop: Shop) -> None:
    fence_id = await other_shop.fence(external_id="theirs")
    offers = [named(0, fences={"external_ids": ["theirs"]}), named(1, fences={"ids": [fence_id]})]
    refused = await bring(shop, "offers", {"offers": offers})
    assert set(faults_of(refused)) == {"offers[0].fences.external_ids[0]", "offers[1].fences.ids[0]"}


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


async def test_everything_a_retailer_defined_goes_out_and_into_another_unchanged(
    shop: Shop, other_shop: Shop
) -> None:
    await bring(shop, "sites", SITES + BREAD)
    site_id = (await shop.client.get("/v1/sites")).json()["items"][0]["site_id"]
    await shop.client.post("/v1/fences", json=circle(external_id="around", site_id=site_id, tags=["soup"]))
    fences = {"tags": ["soup"], "external_ids": ["around"], "site_external_ids": ["bread"]}
    await bring(shop, "offers", {"offers": [named(n, fences=fences) for n in range(3)]})
    cap = {"scope": "retailer", "at_most": 3, "window": {"calendar": "week"}}
    assert (await shop.client.post("/v1/caps", json=cap)).status_code == 201
    exported = await take(shop, "/v1/export")
    for what in ("sites", "fences"):
        answer = await bring(other_shop, what, exported[what])
        assert answer.json()["created"] == 1, answer.text
    assert (await bring(other_shop, "offers", {"offers": exported["offers"]})).json()["created"] == 3
    again = await take(other_shop, "/v1/export")
    assert {**again, "caps": exported["caps"]} == exported
    assert exported["caps"][0]["at_most"] == 3


@pytest.mark.parametrize("what", ["sites", "fences"])
async def test_places_go_into_a_spreadsheet_and_come_back(shop: Shop, other_shop: Shop, what: str) -> None:
    for one in (shop, other_shop):
        await bring(one, "sites", SITES + BREAD)
    square = "POLYGON((24.93 60.16,24.94 60.16,24.94 60.17,24.93 60.16))"
    lines = f'external_id,name,lat,lon,radius_m,wkt\nc,C,60.16,24.93,80,\ns,S,,,,"{square}"\n'
    await bring(shop, "fences", lines)
    table = await take(shop, f"/v1/{what}/export", format="csv")
    answer = await bring(other_shop, what, table)
    assert answer.json()["refused"] == 0, answer.text
    exports = [await take(one, f"/v1/{what}/export", format="csv") for one in (shop, other_shop)]
    assert exports[0] == exports[1]


async def test_ten_thousand_offers_come_in_one_import(shop: Shop, sql: asyncpg.Connection) -> None:
    report = (await bring(shop, "offers", {"offers": [named(n) for n in range(10_000)]})).json()
    assert report["created"] == 10_000
    budgets = "SELECT count(*) FROM offer_budgets JOIN offers USING (offer_id) WHERE retailer_id = $1"
    assert await sql.fetchval(budgets, shop.retailer_id) == 10_000
    await sql.execute("DELETE FROM offers WHERE retailer_id = $1", shop.retailer_id)
