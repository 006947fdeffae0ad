"""Sensitive places: sites like any other, but no fence may stand for one, whichever way it comes."""

from __future__ import annotations

import itertools
from typing import Any

import asyncpg
import pytest

from tests.http.phones import new_phone, yes
from tests.http.shops import Shop, admin, faults_of, other_shop, shop, sql

__all__ = ["admin", "other_shop", "shop", "sql"]  # fixtures

METRES_PER_DEGREE = 110_600.0
ZONE = "Atlantic/Azores"
# Far from the places of all other tests, and of each other.
_islands = itertools.count(1)


@pytest.fixture
def lon() -> float:
    return -40.0 + next(_islands) * 0.2


def at(lon: float, north_m: float = 0.0) -> dict[str, float]:
    return {"lat": 20.0 + north_m / METRES_PER_DEGREE, "lon": lon}


def circle(lon: float, north_m: float = 0.0, radius_m: float = 60.0, **properties: Any) -> dict[str, Any]:
    where = at(lon, north_m)
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [where["lon"], where["lat"]]},
        "properties": {"name": "Around", "radius_m": radius_m, **properties},
    }


async def clinic(shop: Shop, lon: float, name: str = "clinic", north_m: float = 0.0) -> int:
    return await shop.site(name, **at(lon, north_m), time_zone=ZONE, kind="clinic")


def is_refused(answer: Any, field: str) -> bool:
    assert (answer.status_code, answer.json()["code"]) == (400, "sensitive_place"), answer.text
    return list(faults_of(answer)) == [field]


@pytest.mark.parametrize(
    ("kind", "tags", "because"),
    [
        ("shop", {}, None),
        ("shop", {"shop": "party"}, None),
        ("shop", {"healthcare": "no"}, None),
        ("office", {"office": "company"}, None),
        ("hospital", {}, "health"),
        ("shop", {"amenity": "pharmacy"}, "health"),
        ("shop", {"healthcare": "optometrist"}, "health"),
        ("shop", {"category": "hearing_aids"}, "health"),
        ("cafe", {"amenity": "cafe;Clinic"}, "health"),
        ("shelter", {"social_facility": "shelter"}, "health"),
        ("church", {}, "worship"),
        ("shop", {"shop": "religion"}, "worship"),
        ("cafe", {"religion": "muslim"}, "worship"),
        ("shop", {"building": "synagogue"}, "worship"),
        ("office", {"office": "union"}, "union"),
        ("office", {"office": "political_party"}, "party"),
        ("shop", {"shop": "erotic"}, "sex_life"),
        ("bar", {"lgbtq": "primary"}, "sex_life"),
        ("bar", {"lgbtq": "welcome"}, None),
    ],
)
async def test_what_is_sensitive_follows_from_kind_and_tags(
    shop: Shop, sql: asyncpg.Connection, lon: float, kind: str, tags: dict[str, str], because: str | None
) -> None:
    site_id = await shop.site("place", **at(lon), time_zone=ZONE, kind=kind, tags=tags)
    assert await sql.fetchval("SELECT sensitive FROM sites WHERE site_id = $1", site_id) == because
    made = await shop.client.post("/v1/fences", json=circle(lon, site_id=site_id))
    if because is None:
        assert made.status_code == 201
    else:
        assert is_refused(made, "properties.site_id")


async def test_a_fence_cannot_be_moved_to_a_sensitive_site_either(shop: Shop, lon: float) -> None:
    bakery = await shop.site("bakery", **at(lon, 900), time_zone=ZONE)
    fence = await shop.client.post("/v1/fences", json=circle(lon, 900, site_id=bakery))
    path = f"/v1/fences/{fence.json()['id']}"
    site_id = await clinic(shop, lon)
    assert is_refused(
        await shop.client.put(path, json=circle(lon, 900, site_id=site_id)), "properties.site_id"
    )
    assert is_refused(await shop.client.put(path, json=circle(lon)), "geometry")


async def test_a_fence_drawn_around_anothers_sensitive_site_is_refused_with_a_site_or_without(
    shop: Shop, other_shop: Shop, lon: float
) -> None:
    await clinic(other_shop, lon)
    assert is_refused(await shop.client.post("/v1/fences", json=circle(lon)), "geometry")
    across = await shop.site("across", **at(lon, 80), time_zone=ZONE)
    sly = circle(lon, 10, radius_m=120, site_id=across)
    assert is_refused(await shop.client.post("/v1/fences", json=sly), "geometry")
    ring = [[lon + x, 20.0 + y] for x, y in ((-5e-4, -5e-4), (5e-4, -5e-4), (5e-4, 5e-4), (-5e-4, 5e-4))]
    polygon = circle(lon) | {"geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}}
    del polygon["properties"]["radius_m"]
    assert is_refused(await shop.client.post("/v1/fences", json=polygon), "geometry")


async def test_a_shop_next_door_and_a_whole_district_are_no_sensitive_places(
    shop: Shop, other_shop: Shop, lon: float
) -> None:
    await clinic(other_shop, lon)
    next_door = await shop.site("next door", **at(lon, 30), time_zone=ZONE)
    for fence in (
        circle(lon, 30, radius_m=100, site_id=next_door),
        circle(lon, 90, radius_m=100),  # the clinic is near its edge
        circle(lon, 300),
        circle(lon, radius_m=2_000),
    ):
        assert (await shop.client.post("/v1/fences", json=fence)).status_code == 201


async def test_an_import_refuses_the_rows_that_stand_for_sensitive_places(
    shop: Shop, other_shop: Shop, sql: asyncpg.Connection, lon: float
) -> None:
    await clinic(other_shop, lon)
    own = await clinic(shop, lon, north_m=1_000)
    rows = [
        circle(lon, 3_000, external_id="fine"),
        circle(lon, 1_000, external_id="own", site_id=own),
        circle(lon, external_id="others"),
    ]
    body = {"type": "FeatureCollection", "features": rows}
    refused = await shop.client.post("/v1/fences/import", json=body)
    assert (refused.status_code, refused.json()["code"]) == (400, "rows_refused")
    assert set(faults_of(refused)) == {"features[1].properties.site_id", "features[2].geometry"}
    partly = (await shop.client.post("/v1/fences/import?partial=true", json=body)).json()
    assert (partly["created"], partly["refused"]) == (1, 2)
    mine = "SELECT external_id FROM fences WHERE retailer_id = $1"
    assert [row["external_id"] for row in await sql.fetch(mine, shop.retailer_id)] == ["fine"]


async def test_a_site_with_fences_does_not_become_sensitive_but_one_without_may(
    shop: Shop, lon: float
) -> None:
    site = {"name": "Place", **at(lon), "time_zone": ZONE}
    site_id = await shop.site("place", **site)
    fence = (await shop.client.post("/v1/fences", json=circle(lon, site_id=site_id))).json()["id"]
    church = {**site, "tags": {"amenity": "place_of_worship"}}
    assert is_refused(await shop.client.put("/v1/sites/place", json=church), "kind")
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [lon, 20.0]},
        "properties": {
            "name": "Place",
            "time_zone": ZONE,
            "external_id": "place",
            "kind": "church",
        },
    }
    body = {"type": "FeatureCollection", "features": [feature]}
    refused = await shop.client.post("/v1/sites/import", json=body)
    assert list(faults_of(refused)) == ["features[0].properties.kind"]
    await shop.client.delete(f"/v1/fences/{fence}")
    assert (await shop.client.put("/v1/sites/place", json=church)).status_code == 200
    assert (await shop.client.post("/v1/sites/import", json=body)).json()["updated"] == 1


async def test_a_fence_from_before_is_watched_by_no_phone(
    shop: Shop, sql: asyncpg.Connection, http: Any, lon: float
) -> None:
    """As an earlier import may have left it: the site was found to be sensitive later."""
    kept = await shop.site("kept", **at(lon, 400), time_zone=ZONE)
    gone = await shop.site("gone", **at(lon), time_zone=ZONE)
    fences = [
        (await shop.client.post("/v1/fences", json=circle(lon, north_m, site_id=site_id))).json()["id"]
        for north_m, site_id in ((400, kept), (0, gone))
    ]
    await sql.execute("UPDATE sites SET kind = 'hospital' WHERE site_id = $1", gone)
    phone = await new_phone(http)
    await phone.answers(yes("location_offers"))
    regions = await phone.get("/v1/fences/sync", params={**at(lon), "platform": "ios"})
    assert regions.json()["regions"][0]["fence_id"] == fences[0]
    assert fences[1] not in [one["fence_id"] for one in regions.json()["regions"]]
