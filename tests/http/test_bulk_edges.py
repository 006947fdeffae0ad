"""What large, odd or repeated files do to imports and exports over HTTP."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import httpx
import pytest

from tests.http.bringing import bring, collection, named, take
from tests.http.shop_offers import move
from tests.http.shops import Shop, admin, faults_of, other_shop, shop, soup, sql

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures


async def test_more_places_can_be_named_than_a_statement_has_parameters(shop: Shop) -> None:
    by_name = [named(n, fences={"external_ids": [f"f-{n}-{k}" for k in range(4)]}) for n in range(10_000)]
    by_id = [named(n, fences={"ids": [4 * n + k + 1 for k in range(4)]}) for n in range(10_000)]
    for offers in (by_name, by_id):
        report = (await bring(shop, "offers", {"offers": offers}, dry_run=True)).json()
        assert (report["rows"], report["refused"]) == (10_000, 10_000)


async def test_of_two_imports_of_the_same_at_once_one_is_told_that_it_came_late(shop: Shop) -> None:
    offers = [named(n) for n in range(1_500)]
    answers = await asyncio.gather(
        *(bring(shop, "offers", {"offers": one}) for one in (offers, offers[::-1]))
    )
    first, second = sorted(answers, key=lambda answer: answer.status_code)
    assert first.json()["created"] == 1_500
    if second.status_code == 200:  # one after the other, after all
        assert second.json()["unchanged"] == 1_500
    else:
        assert set(faults_of(second).values()) == {"was taken by another request meanwhile"}


async def test_a_site_cannot_be_called_as_an_address_of_the_api(shop: Shop) -> None:
    body = {"name": "A", "lat": 60.1, "lon": 24.9, "time_zone": "Europe/Helsinki"}
    refused = await shop.client.put("/v1/sites/export/7", json=body)
    assert set(faults_of(refused)) == {"external_id"}


# An export brought back to where it came from changes nothing


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_an_active_offer_on_fences_with_and_without_names_is_found_unchanged(
    shop: Shop, form: str
) -> None:
    fences = [await shop.fence(external_id="with-a-name"), await shop.fence()]
    offer = await shop.offer(external_id="o", fences={"ids": fences})
    assert (await move(shop, offer, "activate")).status_code == 200
    report = (await bring(shop, "offers", await take(shop, "/v1/offers/export", format=form))).json()
    assert report["unchanged"] == 1, report


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_an_offer_with_codes_is_found_unchanged(shop: Shop, form: str) -> None:
    offer = await shop.offer(external_id="o", code_format="code_128")
    codes = await shop.client.post(f"/v1/offers/{offer['offer_id']}/codes", json={"codes": ["ABC1", "ABC2"]})
    assert codes.status_code in {200, 201}, codes.text
    report = (await bring(shop, "offers", await take(shop, "/v1/offers/export", format=form))).json()
    assert report["unchanged"] == 1, report


async def test_what_an_admin_let_out_of_the_caps_stays_so_and_only_an_admin_brings_it_back(
    shop: Shop, admin: httpx.AsyncClient
) -> None:
    offer = await shop.offer(external_id="o")
    out = soup(external_id="o", limits={"ignores_caps": True})
    of_shop = {"retailer_id": shop.retailer_id}
    assert (await admin.put(f"/v1/offers/{offer['offer_id']}", params=of_shop, json=out)).status_code == 200
    report = (await bring(shop, "offers", {"offers": [out]})).json()
    assert report["unchanged"] == 1, report
    back = {"offers": [soup(external_id="o")]}
    assert set(faults_of(await bring(shop, "offers", back))) == {"offers[0].limits.ignores_caps"}
    report = (await admin.post("/v1/offers/import", params=of_shop, json=back)).json()
    assert report["updated"] == 1, report


# What spreadsheets say oddly


def fence_on(**said: str) -> str:
    cells = {"external_id": "a", "name": "A", **said}
    return ",".join(cells) + "\n" + ",".join(f'"{cell}"' for cell in cells.values()) + "\n"


@pytest.mark.parametrize(
    ("said", "column"),
    [
        ({"lat": "nan", "lon": "24.9", "radius_m": "80"}, "lat"),
        ({"lat": "1_0", "lon": "24.9", "radius_m": "80"}, "lat"),
        ({"lat": "60,16", "lon": "24.9", "radius_m": "80"}, "lat"),
        ({"lat": "60.1", "lon": "180.1", "radius_m": "80"}, "lon"),
        ({"lat": "60.1", "radius_m": "80"}, "lon"),
        ({"lat": "60.1", "lon": "24.9", "radius_m": "wide"}, "radius_m"),
        ({"lat": "60.1", "lon": "24.9", "radius_m": "-5"}, "radius_m"),
        ({"lat": "60.1", "lon": "24.9", "radius_m": "80", "site_external_id": "none"}, "site_external_id"),
        ({"wkt": "somewhere"}, "wkt"),
        ({"wkt": "CIRCULARSTRING(0 0,1 1,2 0)"}, "wkt"),
        ({"wkt": "POLYGON((nan 1,2 2,3 1,nan 1))"}, "wkt"),
        ({"wkt": "POLYGON EMPTY"}, "wkt"),
        ({"wkt": "POLYGON((24 60,25 61,25 60,24 61,24 60))"}, "wkt"),
    ],
)
async def test_a_wrong_cell_of_a_fence_is_told_by_its_column(
    shop: Shop, said: dict[str, str], column: str
) -> None:
    refused = await bring(shop, "fences", fence_on(**said))
    assert (refused.status_code, set(faults_of(refused))) == (400, {f"rows[2].{column}"})


async def test_texts_that_look_marked_or_like_formulas_come_back_as_they_were(
    shop: Shop, other_shop: Shop
) -> None:
    content = {"en": {"title": "'=x", "text": "''-y"}, "fr": {"title": "-5 % 'today'", "text": " a;b "}}
    await bring(shop, "offers", {"offers": [named(0, content=content, tags=["null", "true"])]})
    table = await take(shop, "/v1/offers/export", format="csv")
    assert (await bring(other_shop, "offers", table)).json()["created"] == 1
    both = [(await take(one, "/v1/offers/export"))["offers"] for one in (shop, other_shop)]
    assert both[0] == both[1]
    assert both[0][0]["content"] == content


async def test_a_point_in_the_name_of_a_tag_belongs_to_the_name(shop: Shop, other_shop: Shop) -> None:
    tags = {"a.b": "1", "a:b": "=2|3", "true": "false"}
    properties = {"external_id": "null", "name": "null", "time_zone": "Europe/Paris", "tags": tags}
    point = {"type": "Point", "coordinates": [-24.9, -60.1]}
    await bring(shop, "sites", collection(feature(point, properties)))
    table = await take(shop, "/v1/sites/export", format="csv")
    assert (await bring(other_shop, "sites", table)).json()["created"] == 1
    both = [await take(one, "/v1/sites/export") for one in (shop, other_shop)]
    assert both[0] == both[1]
    assert both[0]["features"][0]["properties"]["tags"] == tags


async def test_a_polygon_keeps_every_digit_in_a_spreadsheet(shop: Shop) -> None:
    angles = [2 * math.pi * n / 1_000 for n in range(1_000)]
    ring = [[24.9 + math.cos(angle) / 100, 60.1 + math.sin(angle) / 100] for angle in angles]
    shape = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    await bring(shop, "fences", collection(feature(shape, {"external_id": "a", "name": "A"})))
    report = (await bring(shop, "fences", await take(shop, "/v1/fences/export", format="csv"))).json()
    assert report["unchanged"] == 1, report


def feature(geometry: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


# Who asks for what


@pytest.mark.parametrize("path", ["/v1/export", "/v1/sites/export", "/v1/fences/export", "/v1/offers/export"])
async def test_a_retailer_that_does_not_exist_has_no_export(admin: httpx.AsyncClient, path: str) -> None:
    assert (await admin.get(path, params={"retailer_id": 10**9})).status_code == 404


async def test_a_form_that_there_is_not_is_told_by_the_name_of_the_parameter(shop: Shop) -> None:
    refused = await shop.client.get("/v1/sites/export", params={"format": "xml"})
    assert set(faults_of(refused)) == {"format"}


async def test_a_table_says_once_that_it_is_utf_8(shop: Shop) -> None:
    answer = await shop.client.get("/v1/sites/export", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
