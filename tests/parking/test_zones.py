"""Zones over HTTP, as their operators write them."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.http.shops import Shop, faults_of, version_of
from tests.parking.operators import at, kerb, make_zone, publish, rectangle, tariff, zone


async def test_a_zone_that_was_read_can_be_put_back_as_it_is(shop: Shop, sql: asyncpg.Connection) -> None:
    await publish(shop, tariff())
    restriction = {"kind": "no_stopping", "hours": "We 06:00-08:00", "note": "Market"}
    made = await make_zone(shop, tariff="centre", capacity=40, restrictions=[restriction])
    path = f"/v1/parking/zones/{made['id']}"
    read = await shop.client.get(path)
    before = await version_of(sql)

    again = await shop.client.put(path, json=read.json())

    assert again.status_code == 200, again.text
    assert again.json() == read.json() == made
    assert read.headers["etag"] == '"1"'
    assert await version_of(sql) == before
    assert made["properties"]["country"] == "FR"
    assert made["properties"]["restrictions"] == [restriction]
    assert made["properties"]["area_m2"] == pytest.approx(10_000, rel=0.01)


async def test_a_code_is_one_whatever_its_capitals_and_spaces(shop: Shop, other_shop: Shop) -> None:
    await make_zone(shop, "75 a1")
    again = await shop.client.post("/v1/parking/zones", json=zone("75A1"))
    elsewhere = await other_shop.client.post("/v1/parking/zones", json=zone("75A1"))
    found = await shop.client.get("/v1/parking/zones/all", params={"code": "75a 1"})

    assert again.status_code == 409
    assert again.json()["code"] == "already_exists"
    assert list(faults_of(again)) == ["properties.code"]
    assert elsewhere.status_code == 201
    assert [one["properties"]["code"] for one in found.json()["items"]] == ["75 a1"]


async def test_a_new_shape_is_noted_and_another_edit_is_not_one(shop: Shop, sql: asyncpg.Connection) -> None:
    made = await make_zone(shop)
    path = f"/v1/parking/zones/{made['id']}"
    before = await version_of(sql)

    await shop.client.put(path, json=zone(name="Centre"))
    renamed = await sql.fetchrow(
        "SELECT revision, shape_revision FROM parking_zones WHERE zone_id = $1", made["id"]
    )
    await shop.client.put(path, json=zone(name="Centre", geometry=rectangle(0, 0, 50, 50)))
    moved = await sql.fetchrow(
        "SELECT revision, shape_revision FROM parking_zones WHERE zone_id = $1", made["id"]
    )

    assert (tuple(renamed), tuple(moved)) == ((2, 1), (3, 3))
    assert await version_of(sql) == before + 2


async def test_a_kerb_is_a_strip_of_metres_and_comes_back_as_the_line(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    line = kerb((0, 0), (100, 0))
    made = await make_zone(shop, geometry=line, buffer_m=10)

    area, reaches, misses = await sql.fetchrow(
        "SELECT ST_Area(shape::geography), ST_Covers(shape, ST_SetSRID(ST_MakePoint($2, $3), 4326)),"
        " ST_Covers(shape, ST_SetSRID(ST_MakePoint($4, $5), 4326)) FROM parking_zones WHERE zone_id = $1",
        made["id"],
        *at(50, 9.8),
        *at(50, 10.2),
    )

    assert made["geometry"] == line
    assert area == pytest.approx(100 * 20 + 3.14 * 10**2, rel=0.01)
    assert (reaches, misses) == (True, False)


async def test_if_match_protects_an_edit_and_a_deletion(shop: Shop) -> None:
    made = await make_zone(shop)
    path = f"/v1/parking/zones/{made['id']}"
    stale = {"if-match": '"7"'}

    edit = await shop.client.put(path, json=zone(name="Other"), headers=stale)
    deletion = await shop.client.delete(path, headers=stale)
    right = await shop.client.delete(path, headers={"if-match": '"1"'})

    assert (edit.status_code, deletion.status_code, right.status_code) == (412, 412, 204)
    assert (await shop.client.get(path)).status_code == 404


async def test_a_zone_that_something_names_is_not_deleted(shop: Shop, sql: asyncpg.Connection) -> None:
    made = await make_zone(shop)
    await sql.execute("CREATE TABLE names_a_zone (zone_id bigint REFERENCES parking_zones)")
    try:
        await sql.execute("INSERT INTO names_a_zone VALUES ($1)", made["id"])
        answer = await shop.client.delete(f"/v1/parking/zones/{made['id']}")
    finally:
        await sql.execute("DROP TABLE names_a_zone")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert (await shop.client.delete(f"/v1/parking/zones/{made['id']}")).status_code == 204


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no code", {"code": ""}, "properties.code"),
    ("a code with a slash", {"code": "75/A"}, "properties.code"),
    ("a code of spaces", {"code": "  "}, "properties.code"),
    ("an unknown zone", {"time_zone": "Europe/Atlantis"}, "properties.time_zone"),
    ("a country in words", {"country": "France"}, "properties.country"),
    ("no spaces", {"capacity": 0}, "properties.capacity"),
    ("a strip around an area", {"buffer_m": 10}, "properties.buffer_m"),
    ("an unknown tariff", {"tariff": "gold"}, "properties.tariff"),
    ("an unknown restriction", {"restrictions": [{"kind": "no_fun"}]}, "properties.restrictions[0].kind"),
    (
        "hours nobody understands",
        {"restrictions": [{"kind": "no_parking", "hours": "at night"}]},
        "properties.restrictions[0].hours",
    ),
    (
        "a height without a number",
        {"restrictions": [{"kind": "max_height"}]},
        "properties.restrictions[0].max_height_cm",
    ),
]


@pytest.mark.parametrize(
    ("said", "field"), [(said, field) for _, said, field in REFUSED], ids=[n for n, *_ in REFUSED]
)
async def test_bad_input_is_refused_by_its_field_and_nothing_is_written(
    shop: Shop, sql: asyncpg.Connection, said: dict[str, Any], field: str
) -> None:
    body = zone()
    body["properties"] |= said
    answer = await shop.client.post("/v1/parking/zones", json=body)
    assert answer.status_code == 400, answer.text
    assert field in faults_of(answer)
    assert (
        await sql.fetchval("SELECT count(*) FROM parking_zones WHERE retailer_id = $1", shop.retailer_id) == 0
    )


@pytest.mark.parametrize(
    ("geometry", "field"),
    [
        ({"type": "Point", "coordinates": at(0, 0)}, "geometry.type"),
        ({"type": "LineString", "coordinates": [at(0, 0)]}, "geometry.coordinates"),
        ({"type": "LineString", "coordinates": [at(0, 0), at(0, 0)]}, "geometry.coordinates"),
        ({"type": "LineString", "coordinates": [at(0, 0), [0.0, 48.0]]}, "geometry.coordinates"),
        ({"type": "LineString", "coordinates": [at(0, 0), [200.0, 48.0]]}, "geometry.coordinates[1][0]"),
        ({"type": "MultiLineString", "coordinates": [[at(0, 0), "x"]]}, "geometry.coordinates[0][1]"),
        (rectangle(0, 0, 2, 2), "geometry.coordinates"),
    ],
)
async def test_a_shape_that_cannot_be_is_refused_where_it_is_wrong(
    shop: Shop, geometry: Any, field: str
) -> None:
    answer = await shop.client.post("/v1/parking/zones", json=zone(geometry=geometry))
    assert answer.status_code == 400, answer.text
    assert list(faults_of(answer)) == [field]


async def test_a_closed_zone_says_who_closed_it_and_only_they_or_the_operator_reopen_it(
    shop: Shop, admin, sql: asyncpg.Connection
) -> None:
    made = await make_zone(shop)
    path = f"/v1/parking/zones/{made['id']}"
    whose = {"retailer_id": shop.retailer_id}

    closed = await shop.client.post(f"{path}/close")
    again = await shop.client.post(f"{path}/close")
    reopened = await shop.client.post(f"{path}/reopen")
    by_operator = await admin.post(f"{path}/close", params=whose)
    refused = await shop.client.post(f"{path}/reopen")
    at_last = await admin.post(f"{path}/reopen", params=whose)

    assert closed.json()["properties"]["closed_by"] == "retailer"
    assert again.json() == closed.json()
    assert reopened.json()["properties"]["closed_at"] is None
    assert by_operator.json()["properties"]["closed_by"] == "operator"
    assert (refused.status_code, refused.json()["code"]) == (403, "stopped_by_operator")
    assert at_last.json()["properties"]["closed_by"] is None
    told = await sql.fetch(
        "SELECT operation, changed FROM audit_log WHERE retailer_id = $1", shop.retailer_id
    )
    assert [row["operation"] for row in told] == [
        "createParkingZone",
        "closeParkingZone",
        "reopenParkingZone",
        "closeParkingZone",
        "reopenParkingZone",
    ]


async def test_another_operators_zone_is_not_there(shop: Shop, other_shop: Shop) -> None:
    made = await make_zone(shop)
    path = f"/v1/parking/zones/{made['id']}"
    answers = [
        await other_shop.client.get(path),
        await other_shop.client.put(path, json=zone()),
        await other_shop.client.delete(path),
        await other_shop.client.post(f"{path}/close"),
        await other_shop.client.post(f"{path}/reopen"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert (await other_shop.client.get("/v1/parking/zones/all")).json()["items"] == []


async def test_a_tariff_of_another_operator_cannot_be_named(shop: Shop, other_shop: Shop) -> None:
    await publish(other_shop, tariff("theirs"))
    answer = await shop.client.post("/v1/parking/zones", json=zone(tariff="theirs"))
    assert faults_of(answer) == {"properties.tariff": "there is no such tariff"}
