"""Fences over HTTP, as GeoJSON in and out."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import asyncpg
import httpx
import pytest
import shapely

from tests.http.shops import BREAD, Shop, admin, circle, faults_of, other_shop, shop, sql, version_of

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

GEOJSON = {"accept": "application/geo+json"}
RING = [[24.93, 60.16], [24.94, 60.16], [24.94, 60.17], [24.93, 60.17], [24.93, 60.16]]
HOLE = [[24.934, 60.164], [24.934, 60.166], [24.936, 60.166], [24.936, 60.164], [24.934, 60.164]]
BOW_TIE = [[24.93, 60.16], [24.94, 60.17], [24.94, 60.16], [24.93, 60.17], [24.93, 60.16]]


def polygon(*rings: object, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": list(rings)}
    return {"type": "Feature", "geometry": geometry, "properties": {"name": "Block", **properties}}


async def fences_in(sql: asyncpg.Connection, shop: Shop) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM fences WHERE retailer_id = $1", shop.retailer_id)
    return count


async def test_a_circle_is_shown_as_it_was_drawn_and_kept_as_a_polygon(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    answer = await shop.client.post("/v1/fences", json=circle(radius_m=500, tags=["bakery", "bakery"]))

    feature = answer.json()
    assert answer.status_code == 201
    assert feature["geometry"] == {"type": "Point", "coordinates": [BREAD["lon"], BREAD["lat"]]}
    said = feature["properties"]
    assert (said["radius_m"], said["tags"], said["dwell_s"], said["revision"]) == (500, ["bakery"], 180, 1)
    assert said["area_m2"] == pytest.approx(math.pi * 500**2, rel=1e-3)
    row = await sql.fetchrow(
        "SELECT ST_NPoints(shape) AS corners, ST_Area(shape::geography) AS area_m2,"
        " ST_Covers(shape, centre) AS is_inside FROM fences WHERE fence_id = $1",
        feature["id"],
    )
    assert row["corners"] == 65
    assert row["area_m2"] == pytest.approx(math.pi * 500**2, rel=1e-3)
    assert row["is_inside"]


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Polygon", "coordinates": [RING]},
        {"type": "Polygon", "coordinates": [RING, HOLE]},
        {"type": "MultiPolygon", "coordinates": [[RING], [[[lon + 1, lat] for lon, lat in RING]]]},
    ],
)
async def test_a_shape_comes_back_as_it_went_in(
    shop: Shop, sql: asyncpg.Connection, geometry: dict[str, Any]
) -> None:
    answer = await shop.client.post("/v1/fences", json={**polygon(), "geometry": geometry})
    fence_id = answer.json()["id"]

    assert (await shop.client.get(f"/v1/fences/{fence_id}")).json()["geometry"] == geometry
    kept = await sql.fetchval("SELECT ST_AsBinary(shape) FROM fences WHERE fence_id = $1", fence_id)
    assert shapely.equals(shapely.from_wkb(kept), shapely.from_geojson(json.dumps(geometry)))


async def test_all_properties_of_a_fence_come_back(shop: Shop) -> None:
    site_id = await shop.site()
    said = {
        "name": "Block 7",
        "external_id": "block-7",
        "site_id": site_id,
        "tags": ["a", "b"],
        "dwell_s": 240,
        "retrigger_s": 3600,
        "active_hours": "Mo-Sa 08:00-20:00",
        "starts_at": "2026-01-01T00:00:00Z",
        "disabled_at": "2027-01-01T00:00:00Z",
    }

    answer = await shop.client.post("/v1/fences", json=polygon(RING, **said))

    assert answer.status_code == 201
    assert {name: answer.json()["properties"][name] for name in said} == said


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("an open ring", polygon(RING[:4]), "geometry.coordinates[0][3]"),
    ("a crossing ring", polygon(BOW_TIE), "geometry.coordinates[0][0]"),
    ("swapped numbers", polygon([[60.16, 124.93]] * 4), "geometry.coordinates[0][0][1]"),
    ("a point without radius", circle(radius_m=None), "properties.radius_m"),
    ("a circle of 19 m", circle(radius_m=19), "properties.radius_m"),
    ("a circle of 10 km and 1 m", circle(radius_m=10_001), "properties.radius_m"),
    ("a polygon with a radius", polygon(RING, radius_m=50), "properties.radius_m"),
    ("no geometry", {**circle(), "geometry": None}, "geometry"),
    ("an unknown geometry", {**circle(), "geometry": {"type": "Curve"}}, "geometry.type"),
    ("not a feature", {**circle(), "type": "Fence"}, "type"),
    ("a crs", {**circle(), "crs": {"type": "name"}}, "crs"),
    ("an empty name", circle(name=""), "properties.name"),
    ("a blank name", circle(name=" "), "properties.name"),
    ("dwell in words", circle(dwell_s="long"), "properties.dwell_s"),
    ("dwell too short", circle(dwell_s=29), "properties.dwell_s"),
    ("retrigger too long", circle(retrigger_s=31_536_001), "properties.retrigger_s"),
    ("an empty tag", circle(tags=["a", ""]), "properties.tags[1]"),
    ("an empty tag after two that are the same", circle(tags=["a", "a", ""]), "properties.tags[2]"),
    ("a site of a number beyond numbers", circle(site_id=2**63), "properties.site_id"),
    ("51 tags", circle(tags=[str(n) for n in range(51)]), "properties.tags"),
    ("hours nobody understands", circle(active_hours="Mo-Xx"), "properties.active_hours"),
    ("a start without a zone", circle(starts_at="2026-01-01T00:00:00"), "properties.starts_at"),
    ("a start in the past millennium", circle(starts_at="1026-01-01T00:00:00Z"), "properties.starts_at"),
    (
        "an end before the start",
        circle(starts_at="2026-01-02T00:00:00Z", disabled_at="2026-01-01T00:00:00Z"),
        "properties.disabled_at",
    ),
    ("an external id of blanks", circle(external_id=" "), "properties.external_id"),
    ("an unknown property", circle(dwel_s=200), "properties"),
]


@pytest.mark.parametrize(
    ("feature", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_a_refused_fence_names_the_field_and_leaves_nothing(
    shop: Shop, sql: asyncpg.Connection, feature: dict[str, Any], field: str
) -> None:
    before = await version_of(sql)

    created = await shop.client.post("/v1/fences", json=feature)

    assert created.status_code == 400
    assert set(faults_of(created)) == {field}
    assert await fences_in(sql, shop) == 0
    assert await version_of(sql) == before


async def test_a_refused_edit_leaves_the_fence_as_it_was(shop: Shop) -> None:
    fence_id = await shop.fence()
    before = (await shop.client.get(f"/v1/fences/{fence_id}")).json()

    answer = await shop.client.put(f"/v1/fences/{fence_id}", json=polygon(BOW_TIE))

    assert (answer.status_code, set(faults_of(answer))) == (400, {"geometry.coordinates[0][0]"})
    assert (await shop.client.get(f"/v1/fences/{fence_id}")).json() == before


async def test_a_fence_far_from_its_site_with_swapped_numbers_is_refused(shop: Shop) -> None:
    site_id = await shop.site()
    swapped = circle(site_id=site_id)
    swapped["geometry"]["coordinates"].reverse()

    answer = await shop.client.post("/v1/fences", json=swapped)

    assert answer.status_code == 400
    assert "longitude comes first" in faults_of(answer)["geometry.coordinates"]


async def test_an_edit_raises_the_revision_and_the_same_again_does_not(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    fence_id = await shop.fence()

    edited = await shop.client.put(f"/v1/fences/{fence_id}", json=circle(radius_m=120))
    before = await version_of(sql)
    again = await shop.client.put(f"/v1/fences/{fence_id}", json=edited.json())

    assert (edited.json()["properties"]["revision"], edited.headers["etag"]) == (2, '"2"')
    assert again.json() == edited.json()
    assert await version_of(sql) == before


async def test_an_edit_of_what_has_changed_meanwhile_is_refused(shop: Shop) -> None:
    fence_id = await shop.fence()
    path = f"/v1/fences/{fence_id}"
    etag = (await shop.client.get(path)).headers["etag"]
    first = await shop.client.put(path, json=circle(name="A"), headers={"if-match": etag})

    second = await shop.client.put(path, json=circle(name="B"), headers={"if-match": etag})

    assert (first.status_code, second.status_code) == (200, 412)
    assert (await shop.client.get(path)).json()["properties"]["name"] == "A"


async def test_a_circle_can_become_a_polygon(shop: Shop) -> None:
    fence_id = await shop.fence()

    answer = await shop.client.put(f"/v1/fences/{fence_id}", json=polygon(RING))

    assert answer.json()["geometry"] == {"type": "Polygon", "coordinates": [RING]}
    assert answer.json()["properties"]["radius_m"] is None


async def test_an_external_id_is_taken_once(shop: Shop, other_shop: Shop) -> None:
    await shop.fence(external_id="door")
    second = await shop.fence()

    created = await shop.client.post("/v1/fences", json=circle(external_id="door"))
    renamed = await shop.client.put(f"/v1/fences/{second}", json=circle(external_id="door"))

    for answer in (created, renamed):
        assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
        assert set(faults_of(answer)) == {"properties.external_id"}
    assert await other_shop.fence(external_id="door")


async def test_a_create_that_is_sent_twice_with_one_key_happens_once(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    key = {"idempotency-key": "create-door"}

    first = await shop.client.post("/v1/fences", json=circle(), headers=key)
    second = await shop.client.post("/v1/fences", json=circle(), headers=key)
    other = await shop.client.post("/v1/fences", json=circle(name="Other"), headers=key)

    assert second.json() == first.json()
    assert second.headers["etag"] == first.headers["etag"]
    assert other.status_code == 422
    assert await fences_in(sql, shop) == 1


async def test_the_list_is_json_or_a_feature_collection(shop: Shop) -> None:
    ids = [await shop.fence() for _ in range(3)]

    plain = (await shop.client.get("/v1/fences", params={"limit": 2})).json()
    mapped = await shop.client.get("/v1/fences", params={"limit": 2}, headers=GEOJSON)
    rest = {"limit": 2, "cursor": mapped.json()["next_cursor"]}
    last = await shop.client.get("/v1/fences", params=rest, headers=GEOJSON)

    assert mapped.headers["content-type"].startswith("application/geo+json")
    assert mapped.json()["type"] == "FeatureCollection"
    assert mapped.json()["features"] == plain["items"]
    assert [feature["id"] for feature in mapped.json()["features"] + last.json()["features"]] == ids
    assert last.json()["next_cursor"] is None


async def test_the_list_can_be_of_one_site(shop: Shop) -> None:
    site_id = await shop.site()
    with_site = await shop.fence(site_id=site_id)
    await shop.fence()

    answer = await shop.client.get("/v1/fences", params={"site_id": site_id})

    assert [feature["id"] for feature in answer.json()["items"]] == [with_site]


async def test_a_fence_is_found_by_ones_own_id(shop: Shop) -> None:
    fence_id = await shop.fence(external_id="door")
    await shop.fence(external_id="window", tags=["a", "a"])

    found = [await shop.client.get("/v1/fences", params={"external_id": name}) for name in ("door", "nope")]

    assert [[feature["id"] for feature in each.json()["items"]] for each in found] == [[fence_id], []]


async def test_one_fence_is_geojson_if_that_is_accepted(shop: Shop) -> None:
    path = f"/v1/fences/{await shop.fence()}"
    plain, mapped = await shop.client.get(path), await shop.client.get(path, headers=GEOJSON)

    assert plain.headers["content-type"] == "application/json"
    assert mapped.headers["content-type"] == "application/geo+json"
    for name in ("etag", "vary"):
        assert mapped.headers[name] == plain.headers[name]
    assert mapped.json() == plain.json()


async def test_the_etag_of_a_fence_can_be_asked_for_alone(shop: Shop) -> None:
    path = f"/v1/fences/{await shop.fence()}"
    got = await shop.client.get(path)
    for _ in range(2):  # over one connection, which a body too many would spoil
        asked = await shop.client.head(path)
        assert (asked.status_code, asked.content) == (200, b"")
        for name in ("etag", "content-length", "content-type"):
            assert asked.headers[name] == got.headers[name]


async def test_a_dry_run_tells_what_would_be_written(shop: Shop, sql: asyncpg.Connection) -> None:
    await shop.fence(external_id="a")
    rows = [circle(external_id="a"), circle(external_id="b")]
    body = {"type": "FeatureCollection", "features": rows}

    dry = (await shop.client.post("/v1/fences/import", json=body, params={"dry_run": True})).json()

    assert (dry["created"], dry["updated"], dry["unchanged"]) == (1, 0, 1)
    assert await fences_in(sql, shop) == 1


async def test_a_deleted_fence_is_gone(shop: Shop, sql: asyncpg.Connection) -> None:
    fence_id = await shop.fence()
    before = await version_of(sql)

    answer = await shop.client.delete(f"/v1/fences/{fence_id}")

    assert answer.status_code == 204
    assert (await shop.client.get(f"/v1/fences/{fence_id}")).status_code == 404
    assert await version_of(sql) == before + 1


async def test_a_deletion_of_what_has_changed_meanwhile_is_refused(shop: Shop) -> None:
    path = f"/v1/fences/{await shop.fence()}"
    etag = (await shop.client.get(path)).headers["etag"]
    await shop.client.put(path, json=circle(name="A"))

    stale = await shop.client.delete(path, headers={"if-match": etag})
    fresh = await shop.client.delete(path, headers={"if-match": '"2"'})

    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    assert fresh.status_code == 204


async def test_a_fence_that_an_offer_names_stays_until_the_offer_ends(shop: Shop) -> None:
    fence_id = await shop.fence()
    offer = await shop.offer(fences={"ids": [fence_id]})

    refused = await shop.client.delete(f"/v1/fences/{fence_id}")
    await shop.client.post(f"/v1/offers/{offer['offer_id']}/end")
    allowed = await shop.client.delete(f"/v1/fences/{fence_id}")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert allowed.status_code == 204


async def test_another_tenants_fences_are_not_there(shop: Shop, other_shop: Shop) -> None:
    fence_id = await shop.fence(external_id="door")
    stranger, path = other_shop.client, f"/v1/fences/{fence_id}"

    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.put(path, json=circle())).status_code == 404
    assert (await stranger.delete(path)).status_code == 404
    assert (await stranger.get("/v1/fences")).json()["items"] == []
    named = {"retailer_id": shop.retailer_id}
    for method, sub in (("GET", ""), ("POST", ""), ("POST", "/import")):
        rows = {"type": "FeatureCollection", "features": [circle(external_id="x")]}
        body = None if method == "GET" else rows if sub else circle()
        answer = await stranger.request(method, f"/v1/fences{sub}", json=body, params=named)
        assert answer.status_code == 404, (method, sub)
    assert (await shop.client.get(path)).status_code == 200


async def test_only_a_manage_key_writes(shop: Shop) -> None:
    fence_id = await shop.fence()
    for client, may_read in ((shop.read_only, 200), (shop.till, 403)):
        assert (await client.get(f"/v1/fences/{fence_id}")).status_code == may_read
        assert (await client.post("/v1/fences", json=circle())).status_code == 403
        assert (await client.put(f"/v1/fences/{fence_id}", json=circle())).status_code == 403
        assert (await client.delete(f"/v1/fences/{fence_id}")).status_code == 403
        assert (await client.post("/v1/fences/import", json=circle())).status_code == 403


@pytest.mark.parametrize("fence_id", [0, -1, 2**63, "x"])
async def test_an_id_that_cannot_be_is_no_server_error(shop: Shop, fence_id: object) -> None:
    answer = await shop.client.get(f"/v1/fences/{fence_id}")

    assert answer.status_code in {400, 404}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_import_is_repeatable_and_counts_revisions(shop: Shop, sql: asyncpg.Connection) -> None:
    site_id = await shop.site()
    rows = [
        circle(external_id="a", site_id=site_id, starts_at="2026-01-01T02:00:00+02:00"),
        {**polygon(RING, HOLE, tags=["x", 'quo"te']), "id": "b"},
    ]
    body = {"type": "FeatureCollection", "features": rows}

    first = (await shop.client.post("/v1/fences/import", json=body)).json()
    again = (await shop.client.post("/v1/fences/import", json=body)).json()
    rows[0] = circle(external_id="a", radius_m=90)
    third = (await shop.client.post("/v1/fences/import", json=body)).json()

    outcomes = [(each["created"], each["updated"], each["unchanged"]) for each in (first, again, third)]
    assert outcomes == [(2, 0, 0), (0, 0, 2), (0, 1, 1)]
    listed = (await shop.client.get("/v1/fences")).json()["items"]
    by_id = {feature["properties"]["external_id"]: feature for feature in listed}
    assert by_id["a"]["properties"]["revision"] == 2
    assert by_id["a"]["properties"]["radius_m"] == 90
    assert by_id["b"]["properties"]["tags"] == ["x", 'quo"te']
    assert by_id["b"]["geometry"]["coordinates"] == [RING, HOLE]


async def test_what_was_listed_can_be_imported_again(shop: Shop) -> None:
    await shop.fence(external_id="a", active_hours="24/7")
    listed = (await shop.client.get("/v1/fences", headers=GEOJSON)).json()

    report = (await shop.client.post("/v1/fences/import", json=listed)).json()

    assert (report["unchanged"], report["refused"]) == (1, 0), report


async def test_wrong_rows_of_an_import_are_told_by_number(
    shop: Shop, other_shop: Shop, sql: asyncpg.Connection
) -> None:
    foreign = await other_shop.site()
    rows = [
        polygon(RING, external_id="good"),
        polygon(BOW_TIE, external_id="a"),
        polygon(RING),
        circle(external_id="b", site_id=foreign),
        circle(external_id="c", dwell_s=1),
        circle(external_id="good"),
        polygon(RING, external_id="d", active_hours="soon"),
    ]
    body = {"type": "FeatureCollection", "features": rows}

    refused = await shop.client.post("/v1/fences/import", json=body)
    assert refused.status_code == 400
    assert await fences_in(sql, shop) == 0

    dry = (await shop.client.post("/v1/fences/import", json=body, params={"dry_run": True})).json()
    assert {error["row"]: error["field"] for error in dry["errors"]} == {
        1: "features[1].geometry.coordinates[0][0]",
        2: "features[2].properties.external_id",
        3: "features[3].properties.site_id",
        4: "features[4].properties.dwell_s",
        5: "features[5].properties.external_id",
        6: "features[6].properties.active_hours",
    }
    assert await fences_in(sql, shop) == 0

    partial = (await shop.client.post("/v1/fences/import", json=body, params={"partial": True})).json()
    assert (partial["created"], partial["refused"]) == (1, 6)


async def test_ten_thousand_fences_are_imported_at_once(shop: Shop, sql: asyncpg.Connection) -> None:
    rows = [polygon(RING, external_id=f"fence-{n}", active_hours="Mo-Fr 08:00-18:00") for n in range(10_000)]
    body = json.dumps({"type": "FeatureCollection", "features": rows}).encode()

    answer = await shop.client.post(
        "/v1/fences/import", content=body, headers={"content-type": "application/json"}
    )

    assert answer.json()["created"] == 10_000, answer.text
    # The server is shared by the session and holds every fence in memory: leave it as it was.
    await sql.execute("DELETE FROM fences WHERE retailer_id = $1", shop.retailer_id)
    await sql.execute("UPDATE config_version SET version = version + 1")


async def test_more_imports_at_once_than_fit_are_turned_away(shop: Shop) -> None:
    rows = [polygon(RING, external_id=f"fence-{n}") for n in range(2_000)]
    body = {"type": "FeatureCollection", "features": rows}

    answers = await asyncio.gather(
        *(shop.client.post("/v1/fences/import", json=body, params={"dry_run": True}) for _ in range(8))
    )

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 2
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
    assert (
        await shop.client.post("/v1/fences/import", json=body, params={"dry_run": True})
    ).status_code == 200


async def test_an_admin_who_names_an_unknown_retailer_finds_none(admin: httpx.AsyncClient) -> None:
    nobody = {"retailer_id": 2**62}
    named = {"type": "FeatureCollection", "features": [circle(external_id="a")]}
    for answer in (
        await admin.post("/v1/fences", params=nobody, json=circle()),
        await admin.post("/v1/fences/import", params=nobody, json=named),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
