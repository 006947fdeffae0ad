"""Zones, tariffs and permits, many at once: in, out, and in again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.http.shops import Shop, faults_of, version_of
from tests.parking.operators import at, features, kerb, publish, rectangle, tariff, zone

ZONES, TARIFFS, PERMITS = "/v1/parking/zones", "/v1/parking/tariffs", "/v1/parking/permits"
SHARED = Path(__file__).parents[3] / "shared" / "data"
PORTLAND = SHARED / "parking" / "portland_downtown.curblr.json"
QUARTERS = SHARED / "montpellier" / "VilleMTP_MTP_SousQuartiers.geojson"
MANY = 5_000


async def imports(shop: Shop, path: str, body: Any, **params: Any) -> httpx.Response:
    return await shop.client.post(f"{path}/import", json=body, params=params)


async def zones_in(sql: asyncpg.Connection, shop: Shop) -> list[str]:
    query = "SELECT code FROM parking_zones WHERE retailer_id = $1 ORDER BY code"
    return [row["code"] for row in await sql.fetch(query, shop.retailer_id)]


async def test_what_was_exported_can_be_imported_again_and_somewhere_else(
    shop: Shop, other_shop: Shop
) -> None:
    await publish(
        shop,
        tariff(version=1, valid_from="2026-01-01T00:00:00Z"),
        tariff(version=2, price_minor=120, valid_from="2097-01-01T00:00:00Z"),
    )
    restriction = {"kind": "permit_only", "hours": "Sa-Su 00:00-24:00", "except_classes": ["resident"]}
    zones = features(
        zone("A", tariff="centre", restrictions=[restriction], capacity=12),
        zone("B", kerb((200, 0), (260, 40)), name="Quay", country="BE", buffer_m=7.5),
    )
    assert (await imports(shop, ZONES, zones)).json()["created"] == 2
    exported = {path: (await shop.read_only.get(f"{path}/export")).json() for path in (TARIFFS, ZONES)}

    for target, name in ((shop, "unchanged"), (other_shop, "created")):
        for path, body in exported.items():
            report = (await imports(target, path, body)).json()
            assert report[name] == report["rows"] == 2, report
    elsewhere = {path: (await other_shop.read_only.get(f"{path}/export")).json() for path in exported}
    assert elsewhere == exported
    assert exported[ZONES]["features"][1]["geometry"]["type"] == "LineString"


async def test_one_wrong_row_refuses_all_unless_the_others_are_asked_for(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    body = features(
        zone("A"), zone("B", capacity=-1), zone("C", tariff="gold"), zone("a"), zone("D", time_zone="Mars")
    )
    all_or_none = await imports(shop, ZONES, body)
    assert all_or_none.json()["code"] == "rows_refused"
    assert list(faults_of(all_or_none)) == [
        "features[1].properties.capacity",
        "features[2].properties.tariff",
        "features[3].properties.code",
        "features[4].properties.time_zone",
    ]
    assert await zones_in(sql, shop) == []

    rehearsed = await imports(shop, ZONES, body, partial=True, dry_run=True)
    assert await zones_in(sql, shop) == []
    done = await imports(shop, ZONES, body, partial=True)

    assert {**rehearsed.json(), "dry_run": False} == done.json()
    assert (done.json()["created"], done.json()["refused"]) == (1, 4)
    assert await zones_in(sql, shop) == ["A"]


async def test_tariffs_of_one_import_fit_beside_each_other_or_are_refused_by_row(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    history = [
        tariff(version=1),
        tariff(version=2, valid_from="2025-01-01T00:00:00Z", valid_until="2026-01-01T00:00:00Z"),
        tariff(version=3, valid_from="2026-01-01T00:00:00Z"),
    ]
    overlapping = tariff(version=4, valid_from="2025-06-01T00:00:00Z", valid_until="2025-07-01T00:00:00Z")
    nonsense = tariff("west", price_minor=-5)
    wrong = await imports(shop, TARIFFS, {"tariffs": [*history, overlapping, nonsense, tariff(version=3)]})
    assert list(faults_of(wrong)) == [
        "tariffs[1].valid_from",
        "tariffs[4].rates[0].lines[0].price_minor",
        "tariffs[5].version",
    ]
    assert (
        await sql.fetchval("SELECT count(*) FROM parking_tariffs WHERE retailer_id = $1", shop.retailer_id)
        == 0
    )

    right = await imports(shop, TARIFFS, {"tariffs": history})

    assert right.json()["created"] == 3, right.text
    (one,) = (await shop.client.get(TARIFFS)).json()["items"]
    assert [version["valid_until"] for version in one["versions"]] == [
        "2025-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
        None,
    ]


async def test_two_imports_of_the_same_tariff_at_once_publish_each_version_once(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    one = {"tariffs": [tariff(version=1, valid_from="2026-01-01T00:00:00Z")]}
    other = {"tariffs": [tariff(version=2, price_minor=900, valid_from="2026-03-01T00:00:00Z")]}
    answers = await asyncio.gather(*(imports(shop, TARIFFS, body) for body in (one, other) * 4))

    codes = {answer.status_code for answer in answers}
    assert codes <= {200, 400, 409, 429}, [answer.text for answer in answers]
    overlaps = await sql.fetchval(
        "SELECT count(*) FROM parking_tariff_versions AS a"
        " JOIN parking_tariff_versions AS b USING (tariff_id)"
        " JOIN parking_tariffs AS t USING (tariff_id) WHERE t.retailer_id = $1 AND a.version < b.version"
        " AND tstzrange(a.valid_from, a.valid_until) && tstzrange(b.valid_from, b.valid_until)",
        shop.retailer_id,
    )
    created = [answer.json()["created"] for answer in answers if answer.status_code == 200]
    versions = await sql.fetchval(
        "SELECT count(*) FROM parking_tariff_versions JOIN parking_tariffs USING (tariff_id)"
        " WHERE retailer_id = $1",
        shop.retailer_id,
    )
    assert overlaps == 0
    assert sum(created) == versions >= 1


async def test_two_imports_of_the_same_zones_at_once_both_end_and_write_each_once(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    forth = features(*(zone(f"Z{n:03}", kerb((n, 0), (n, 50))) for n in range(300)))
    back = {**forth, "features": forth["features"][::-1]}
    reports = [
        one.json() for one in await asyncio.gather(imports(shop, ZONES, forth), imports(shop, ZONES, back))
    ]
    assert sum(one["created"] for one in reports) == 300, reports
    assert len(await zones_in(sql, shop)) == 300


async def test_five_thousand_zones_are_imported_at_once_and_known_again(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    await publish(shop, tariff())
    zones = [
        zone(
            f"P{n:05}",
            kerb((40 * (n % 100), 30 * (n // 100)), (40 * (n % 100) + 35, 30 * (n // 100))),
            tariff="centre",
        )
        for n in range(MANY)
    ]
    before = await version_of(sql)
    report = await imports(shop, ZONES, features(*zones))
    assert report.json()["created"] == MANY, report.text
    assert await version_of(sql) == before + 1
    again = await imports(shop, ZONES, (await shop.client.get(f"{ZONES}/export")).json())
    assert again.json()["unchanged"] == MANY


async def test_a_table_of_zones_is_told_to_be_json(shop: Shop) -> None:
    answer = await shop.client.post(
        f"{ZONES}/import", content="code\r\nA\r\n", headers={"content-type": "text/csv"}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


# Permits ---------------------------------------------------------------------------------------------


def permit(plate: str = "AB-123-CD", **said: Any) -> dict[str, Any]:
    return {
        "plate": plate,
        "country": "FR",
        "user_class": "resident",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_until": "2099-01-01T00:00:00Z",
        **said,
    }


async def asks(shop: Shop, plate: str) -> list[tuple[str, Any]]:
    answer = await shop.read_only.post(f"{PERMITS}/look-up", json={"plate": plate, "country": "FR"})
    assert answer.status_code == 200, answer.text
    return [(one["user_class"], one["zone_ids"]) for one in answer.json()["items"]]


async def test_a_permit_is_found_by_its_plate_however_it_is_written_and_no_plate_is_kept(
    shop: Shop, other_shop: Shop, sql: asyncpg.Connection
) -> None:
    await imports(shop, ZONES, features(zone("A"), zone("B", rectangle(100, 0, 200, 50))))
    report = await imports(shop, PERMITS, {"permits": [permit(zones=["a"]), permit(user_class="doctor")]})
    assert report.json()["created"] == 2, report.text
    again = await imports(shop, PERMITS, {"permits": [permit("ab 123 cd", zones=["A"])]})
    assert again.json()["unchanged"] == 1

    (zone_id,) = await sql.fetchrow(
        "SELECT zone_id FROM parking_zones WHERE retailer_id = $1 AND code = 'A'", shop.retailer_id
    )
    assert sorted(await asks(shop, "AB123CD")) == [("doctor", None), ("resident", [zone_id])]
    assert await asks(shop, "AB124CD") == []
    assert await asks(other_shop, "AB123CD") == []
    dumped = await sql.fetch("SELECT p::text AS row FROM parking_permits AS p")
    assert not any("AB123" in row["row"] or "AB-123" in row["row"] for row in dumped)


async def test_permits_come_in_a_table_too_and_wrong_rows_say_which_cell(shop: Shop) -> None:
    await imports(shop, ZONES, features(zone("A")))
    names = "plate,country,user_class,valid_from,valid_until,zones"
    times = "2026-01-01T00:00:00Z,2027-01-01T00:00:00Z"
    rows = [
        f"AB-123-CD,FR,resident,{times},A",
        f"nonsense,FR,resident,{times},",
        f"AB-124-CD,FR,Resident!,{times},",
        f"AB-125-CD,FR,resident,{times},A|Q",
        "AB-126-CD,FR,resident,2027-01-01T00:00:00Z,2026-01-01T00:00:00Z,",
    ]
    table = "\r\n".join([names, *rows])
    headers = {"content-type": "text/csv"}
    answer = await shop.client.post(
        f"{PERMITS}/import", content=table, headers=headers, params={"partial": True}
    )
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["created"], report["refused"]) == (1, 4)
    assert [error["field"] for error in report["errors"]] == [
        "rows[3].plate",
        "rows[4].user_class",
        "rows[5].zones",
        "rows[6].valid_until",
    ]
    assert "nonsense" not in answer.text


async def test_a_deleted_permit_is_gone_and_another_operators_is_not_there(
    shop: Shop, other_shop: Shop
) -> None:
    await imports(shop, PERMITS, {"permits": [permit()]})
    (listed,) = (await shop.read_only.get(PERMITS)).json()["items"]
    path = f"{PERMITS}/{listed['permit_id']}"
    assert (await other_shop.client.delete(path)).status_code == 404
    assert (await shop.client.delete(path)).status_code == 204
    assert (await shop.client.delete(path)).status_code == 404
    assert await asks(shop, "AB123CD") == []


# Real shapes -----------------------------------------------------------------------------------------


def real_features() -> list[dict[str, Any]]:
    if not PORTLAND.exists():
        pytest.skip("the kerbs of Portland are not here (shared data)")
    # As it was published: the collection stands inside its manifest.
    collection = json.loads(PORTLAND.read_text(encoding="utf-8"))["manifest"]
    return [
        zone(f"PDX {number}", feature["geometry"], time_zone="America/Los_Angeles", buffer_m=4)
        for number, feature in enumerate(collection["features"])
        if feature["geometry"]["type"] in {"LineString", "MultiLineString"}
    ]


async def test_the_kerbs_of_portland_become_zones_as_wide_as_postgis_would_make_them(
    shop: Shop, sql: asyncpg.Connection
) -> None:
    found = real_features()
    assert len(found) > 100
    report = (await imports(shop, ZONES, features(*found[:5_000]), partial=True)).json()
    told = {error["reason"] for error in report["errors"]}
    assert report["refused"] < 0.01 * report["rows"], told
    worst = await sql.fetchval(
        "SELECT max(abs(ST_Area(shape::geography) / ST_Area(ST_Buffer(kerb::geography, buffer_m)) - 1))"
        " FROM parking_zones WHERE retailer_id = $1",
        shop.retailer_id,
    )
    assert worst < 0.03


async def test_the_quarters_of_montpellier_become_zones(shop: Shop) -> None:
    if not QUARTERS.exists():
        pytest.skip("the quarters of Montpellier are not here (shared data)")
    collection = json.loads(QUARTERS.read_text(encoding="utf-8"))
    zones = [zone(f"Q{n}", one["geometry"]) for n, one in enumerate(collection["features"])]
    report = (await imports(shop, ZONES, features(*zones))).json()
    assert report["created"] == len(zones) == 31, report


def test_the_helpers_measure_in_metres() -> None:
    (lon, lat), (lon_east, _) = at(0, 0), at(100, 0)
    assert (lon, lat) == (2.3522, 48.8566)
    assert 0.00136 < lon_east - lon < 0.00137
