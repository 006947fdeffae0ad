"""Sites over HTTP."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import httpx
import pytest

from tests.http.shops import BREAD, Shop, admin, circle, faults_of, other_shop, shop, soup, sql, version_of

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

GOOD = {"name": "Bread", **BREAD, "time_zone": "Europe/Helsinki"}


def feature(external_id: str | None = "a", **properties: Any) -> dict[str, Any]:
    said = {"name": "Bread", "time_zone": "Europe/Helsinki", **properties}
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [24.9385, 60.1646]},
        "properties": said if external_id is None else {"external_id": external_id, **said},
    }


def collection(*features: object) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


async def sites_in(sql: asyncpg.Connection, shop: Shop) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM sites WHERE retailer_id = $1", shop.retailer_id)
    return count


async def test_a_site_is_created_once_and_then_replaced(shop: Shop) -> None:
    said = {**GOOD, "kind": "restaurant", "opening_hours": "Mo-Fr 07:30-19:00", "tags": {"cuisine": "soup"}}

    first = await shop.client.put("/v1/sites/osm:node/12", json=said)
    second = await shop.client.put("/v1/sites/osm:node/12", json={**GOOD, "name": "Better bread"})

    assert (first.status_code, second.status_code) == (201, 200)
    assert {name: first.json()[name] for name in said} == said
    assert first.json()["external_id"] == "osm:node/12"
    assert second.json()["site_id"] == first.json()["site_id"]
    assert (second.json()["name"], second.json()["opening_hours"]) == ("Better bread", None)


async def test_a_site_that_was_read_can_be_put_back_as_it_is(shop: Shop, sql: asyncpg.Connection) -> None:
    site_id = await shop.site()
    read = (await shop.client.get(f"/v1/sites/by-id/{site_id}")).json()
    before = await version_of(sql)

    again = await shop.client.put("/v1/sites/bread", json=read)

    assert again.json() == read
    assert await version_of(sql) == before


async def test_writing_a_site_tells_the_workers(shop: Shop, sql: asyncpg.Connection) -> None:
    before = await version_of(sql)

    await shop.site()

    assert await version_of(sql) == before + 1


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no name", {"name": None}, "name"),
    ("an empty name", {"name": ""}, "name"),
    ("a blank name", {"name": "  "}, "name"),
    ("a name with a NUL", {"name": "a\x00b"}, "name"),
    ("a long name", {"name": "x" * 201}, "name"),
    ("a latitude in words", {"lat": "60.1"}, "lat"),
    ("a latitude beyond the pole", {"lat": 90.1}, "lat"),
    ("a longitude beyond the date line", {"lon": -180.1}, "lon"),
    ("an unknown zone", {"time_zone": "Europe/Atlantis"}, "time_zone"),
    ("a zone that is a path", {"time_zone": "../etc/passwd"}, "time_zone"),
    ("hours nobody understands", {"opening_hours": "when we like"}, "opening_hours"),
    ("a kind with blanks", {"kind": "fish shop"}, "kind"),
    ("a tag of a number", {"tags": {"floor": 3}}, "tags"),
    ("a long tag", {"tags": {"note": "x" * 1001}}, "tags.note"),
    ("an unknown member", {"opening_ours": "24/7"}, "opening_ours"),
]


@pytest.mark.parametrize(("said", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_refused_site_names_the_field_and_leaves_nothing(
    shop: Shop, sql: asyncpg.Connection, said: dict[str, Any], field: str
) -> None:
    before = await version_of(sql)

    answer = await shop.client.put("/v1/sites/a", json={**GOOD, **said})

    assert answer.status_code == 400
    faults = faults_of(answer)
    assert any(field in f"{name} {reason}" for name, reason in faults.items()), faults
    assert await sites_in(sql, shop) == 0
    assert await version_of(sql) == before


@pytest.mark.parametrize("external_id", ["%00", "%20a", "a%20", "x" * 201, "-a", "a%0Ab"])
async def test_a_refused_external_id_is_named(shop: Shop, external_id: str) -> None:
    answer = await shop.client.put(f"/v1/sites/{external_id}", json=GOOD)

    assert answer.status_code == 400
    assert "external_id" in faults_of(answer)


@pytest.mark.parametrize(
    ("sent", "external_id"),
    [
        ("https%3A%2F%2Fx%2F1", "https://x/1"),
        ("a//d", "a//d"),
        ("a/d", "a/d"),
        ("f/", "f/"),
        ("f", "f"),
        ("50%25", "50%"),
        ("a%2Fb%3Fc%23d", "a/b?c#d"),
        ("caf%C3%A9", "café"),
        ("a+b%20c", "a+b c"),
        ("imports/1", "imports/1"),
        ("osm:way/12", "osm:way/12"),
    ],
)
async def test_an_id_is_what_the_address_says_and_no_other(shop: Shop, sent: str, external_id: str) -> None:
    for other in ("https:/x/1", "a/d", "f", "50"):
        await shop.site(other, name="Other")

    made = await shop.client.put(f"/v1/sites/{sent}", json=GOOD)
    found = (await shop.client.get("/v1/sites", params={"external_id": external_id})).json()["items"]

    assert made.json()["external_id"] == external_id
    assert [site["site_id"] for site in found] == [made.json()["site_id"]]
    others = (await shop.client.get("/v1/sites")).json()["items"]
    assert {site["name"] for site in others if site["external_id"] != external_id} == {"Other"}


UNADDRESSABLE = ["import", "import/1", "by-id", "by-id/5", "a/../b", "a/./b", "a/.."]


@pytest.mark.parametrize("external_id", UNADDRESSABLE)
async def test_an_id_that_no_address_can_hold_is_not_imported(shop: Shop, external_id: str) -> None:
    answer = await shop.client.post("/v1/sites/import", json=collection(feature(external_id)))

    assert answer.status_code == 400
    assert set(faults_of(answer)) == {"features[0].properties.external_id"}


async def test_an_address_that_is_no_utf_8_or_climbs_is_refused_by_its_id(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    for sent in ("%FF", "a%2F..%2Fb", "a%00b"):
        answer = await shop.client.put(f"/v1/sites/{sent}", json=GOOD)
        assert answer.status_code == 400
        assert set(faults_of(answer)) == {"external_id"}
    assert await sites_in(sql, shop) == 0


async def test_an_edit_of_a_site_that_has_changed_meanwhile_is_refused(shop: Shop) -> None:
    site_id = await shop.site()
    path, by_id = "/v1/sites/bread", f"/v1/sites/by-id/{site_id}"
    etag = (await shop.client.get(by_id)).headers["etag"]
    same = await shop.client.put(path, json=GOOD, headers={"if-match": etag})
    first = await shop.client.put(path, json={**GOOD, "name": "A"}, headers={"if-match": etag})

    assert (same.headers["etag"], first.headers["etag"]) == ('"1"', '"2"')
    for stale in (
        await shop.client.put(path, json={**GOOD, "name": "B"}, headers={"if-match": etag}),
        await shop.client.put("/v1/sites/new", json=GOOD, headers={"if-match": "*"}),
        await shop.client.delete(by_id, headers={"if-match": etag}),
    ):
        assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    assert (await shop.client.get(by_id)).json()["name"] == "A"
    assert (await shop.client.delete(by_id, headers={"if-match": '"2"'})).status_code == 204


@pytest.mark.parametrize("body", [b"", b"{", b'{"lat": NaN}', b"[]", b'"x"', b"\xff"])
async def test_a_body_that_is_no_object_is_refused(shop: Shop, body: bytes) -> None:
    answer = await shop.client.put("/v1/sites/a", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_list_comes_in_pages_in_the_order_of_ids(shop: Shop) -> None:
    ids = [await shop.site(f"site-{n}") for n in range(5)]

    first = (await shop.client.get("/v1/sites", params={"limit": 3})).json()
    second = (await shop.client.get("/v1/sites", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    found = (await shop.client.get("/v1/sites", params={"external_id": "site-3"})).json()

    assert [site["site_id"] for site in first["items"] + second["items"]] == ids
    assert second["next_cursor"] is None
    assert [site["site_id"] for site in found["items"]] == [ids[3]]


async def test_another_tenants_sites_are_not_there(shop: Shop, other_shop: Shop) -> None:
    site_id = await shop.site()
    stranger = other_shop.client

    assert (await stranger.get(f"/v1/sites/by-id/{site_id}")).status_code == 404
    assert (await stranger.delete(f"/v1/sites/by-id/{site_id}")).status_code == 404
    assert (await stranger.get("/v1/sites")).json()["items"] == []
    named = {"retailer_id": shop.retailer_id}
    assert (await stranger.get("/v1/sites", params=named)).status_code == 404
    assert (await stranger.put("/v1/sites/bread", json=GOOD, params=named)).status_code == 404
    assert (
        await stranger.post("/v1/sites/import", json=collection(feature()), params=named)
    ).status_code == 404
    own = await other_shop.site("bread", name="Other bread")
    assert own != site_id
    assert (await shop.client.get(f"/v1/sites/by-id/{site_id}")).json()["name"] == "Bread"


async def test_only_a_manage_key_writes(shop: Shop) -> None:
    for client, may_read in ((shop.read_only, 200), (shop.till, 403)):
        assert (await client.get("/v1/sites")).status_code == may_read
        assert (await client.put("/v1/sites/a", json=GOOD)).status_code == 403
        assert (await client.delete("/v1/sites/by-id/1")).status_code == 403
        assert (await client.post("/v1/sites/import", json=collection(feature()))).status_code == 403


async def test_an_admin_names_whose_site_it_is(shop: Shop, admin: httpx.AsyncClient) -> None:
    nobody = await admin.put("/v1/sites/a", json=GOOD)
    somebody = await admin.put("/v1/sites/a", json=GOOD, params={"retailer_id": shop.retailer_id})

    assert (nobody.status_code, somebody.status_code) == (400, 201)
    assert somebody.json()["retailer_id"] == shop.retailer_id


async def test_a_deleted_site_takes_its_fences_with_it(shop: Shop) -> None:
    site_id = await shop.site()
    fence_id = await shop.fence(site_id=site_id)

    answer = await shop.client.delete(f"/v1/sites/by-id/{site_id}")

    assert answer.status_code == 204
    assert (await shop.client.get(f"/v1/sites/by-id/{site_id}")).status_code == 404
    assert (await shop.client.get(f"/v1/fences/{fence_id}")).status_code == 404


@pytest.mark.parametrize("by", ["site_ids", "ids"])
async def test_a_site_that_an_offer_names_stays_until_the_offer_ends(shop: Shop, by: str) -> None:
    site_id = await shop.site()
    fence_id = await shop.fence(site_id=site_id)
    offer = await shop.offer(fences={by: [site_id if by == "site_ids" else fence_id]})

    refused = await shop.client.delete(f"/v1/sites/by-id/{site_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert str(offer["offer_id"]) in refused.json()["detail"]

    await shop.client.post(f"/v1/offers/{offer['offer_id']}/end")
    assert (await shop.client.delete(f"/v1/sites/by-id/{site_id}")).status_code == 204


async def test_an_import_creates_updates_and_leaves_alone(shop: Shop, sql: asyncpg.Connection) -> None:
    path = "/v1/sites/import"
    await shop.client.post(path, json=collection(feature("a"), feature("b")))
    rows = collection(feature("a"), feature("b", name="New name"), {**feature(None), "id": "c"})

    report = (await shop.client.post(path, json=rows)).json()
    before = await version_of(sql)
    again = (await shop.client.post(path, json=rows)).json()

    assert (report["created"], report["updated"], report["unchanged"]) == (1, 1, 1)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 3)
    assert await version_of(sql) == before
    assert await sites_in(sql, shop) == 3


BAD_ROWS = collection(
    feature("good"),
    feature("a", time_zone="Mars/Olympus"),
    feature("b", opening_hours="sometimes"),
    feature(None),
    feature("good"),
    {**feature("c"), "geometry": {"type": "Polygon", "coordinates": []}},
    {**feature("d"), "geometry": {"type": "Point", "coordinates": [24.9, 160.0]}},
    feature("e", nmae="typo"),
    "no feature",
    {**feature("f"), "crs": {"type": "name"}},
    {**feature("g"), "type": "Site"},
)
BAD_FIELDS = {
    1: "features[1].properties.time_zone",
    2: "features[2].properties.opening_hours",
    3: "features[3].properties.external_id",
    4: "features[4].properties.external_id",
    5: "features[5].geometry.type",
    6: "features[6].geometry.coordinates[1]",
    7: "features[7].properties",
    8: "features[8]",
    9: "features[9].crs",
    10: "features[10].type",
}


async def test_one_wrong_row_refuses_the_import(shop: Shop, sql: asyncpg.Connection) -> None:
    answer = await shop.client.post("/v1/sites/import", json=BAD_ROWS)

    assert (answer.status_code, answer.json()["code"]) == (400, "rows_refused")
    assert set(faults_of(answer)) == set(BAD_FIELDS.values())
    assert await sites_in(sql, shop) == 0


async def test_a_dry_run_tells_every_wrong_row_and_writes_none(shop: Shop, sql: asyncpg.Connection) -> None:
    answer = await shop.client.post("/v1/sites/import", json=BAD_ROWS, params={"dry_run": True})

    report = answer.json()
    assert answer.status_code == 200
    assert {error["row"]: error["field"] for error in report["errors"]} == BAD_FIELDS
    assert (report["rows"], report["refused"], report["created"]) == (11, 10, 0)
    assert await sites_in(sql, shop) == 0


async def test_a_partial_import_writes_the_good_rows(shop: Shop, sql: asyncpg.Connection) -> None:
    report = (await shop.client.post("/v1/sites/import", json=BAD_ROWS, params={"partial": True})).json()

    assert (report["created"], report["refused"]) == (1, 10)
    assert await sites_in(sql, shop) == 1


async def test_a_dry_run_tells_what_would_be_written(shop: Shop, sql: asyncpg.Connection) -> None:
    await shop.client.post("/v1/sites/import", json=collection(feature("a"), feature("b")))
    before = await version_of(sql)
    rows = collection(feature("a"), feature("b", name="New name"), feature("c"))
    bad = collection(*rows["features"], feature("d", kind="No kind"))

    for body, params in ((rows, {}), (bad, {"partial": True})):
        dry = await shop.client.post("/v1/sites/import", json=body, params={"dry_run": True, **params})
        told = dry.json()
        assert (told["dry_run"], told["created"], told["updated"], told["unchanged"]) == (True, 1, 1, 1)
    assert await sites_in(sql, shop) == 2
    assert await version_of(sql) == before
    real = (await shop.client.post("/v1/sites/import", json=rows)).json()
    assert (real["dry_run"], real["created"], real["updated"], real["unchanged"]) == (False, 1, 1, 1)


@pytest.mark.parametrize(
    "body",
    [feature(), collection(), {"type": "FeatureCollection"}, {**collection(feature()), "crs": {"a": 1}}],
)
async def test_a_body_that_is_no_collection_is_refused(shop: Shop, body: object) -> None:
    answer = await shop.client.post("/v1/sites/import", json=body)

    assert answer.status_code == 400
    assert faults_of(answer)


async def test_ten_thousand_sites_are_imported_at_once(shop: Shop, sql: asyncpg.Connection) -> None:
    rows = collection(*(feature(f"site-{n}", opening_hours="Mo-Fr 08:00-18:00") for n in range(10_000)))
    body = json.dumps(rows).encode()
    assert len(body) > 1024 * 1024

    answer = await shop.client.post(
        "/v1/sites/import", content=body, headers={"content-type": "application/geo+json"}
    )

    assert answer.json()["created"] == 10_000, answer.text
    too_many = await shop.client.post("/v1/sites/import", json=collection(*rows["features"], feature("one")))
    assert "features" in faults_of(too_many)


async def test_an_offer_cannot_name_a_site_of_somebody_else(shop: Shop, other_shop: Shop) -> None:
    site_id = await other_shop.site()

    by_offer = await shop.client.post("/v1/offers", json=soup(fences={"site_ids": [site_id]}))
    by_fence = await shop.client.post("/v1/fences", json=circle(site_id=site_id))

    assert (by_offer.status_code, by_fence.status_code) == (404, 404)
    assert set(faults_of(by_offer)) == {"fences.site_ids[0]"}
    assert set(faults_of(by_fence)) == {"properties.site_id"}


async def test_an_admin_who_names_an_unknown_retailer_finds_none(admin: httpx.AsyncClient) -> None:
    nobody = {"retailer_id": 2**62}
    for answer in (
        await admin.put("/v1/sites/a", params=nobody, json=GOOD),
        await admin.post("/v1/sites/import", params=nobody, json=collection(feature())),
        await admin.get("/v1/sites", params=nobody),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
