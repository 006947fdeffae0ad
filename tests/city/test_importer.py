"""`alentour import`: what a file leaves in the database, once and again."""

import io
from pathlib import Path

import asyncpg
import pytest
from osmium.osm.mutable import Node
from rich.console import Console

from api.demo_city import HELSINKI_TIME_ZONE, helsinki_file
from api.importer import import_and_print, import_city
from geo.errors import InvalidInput, NotFound
from geo.osm import ATTRIBUTION
from tests.city.conftest import WriteOsm, ring, square


async def version_of(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("SELECT version FROM config_version")


@pytest.fixture
async def connection(database_url: str):
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def city(city_url: str):
    opened = await asyncpg.connect(city_url)
    yield opened
    await opened.close()


def bakery(node_id: int = 1, **tags: str) -> Node:
    return Node(id=node_id, location=(24.94, 60.17), tags={"shop": "bakery", "name": "Leipä", **tags})


async def test_every_imported_fence_is_valid_covers_its_site_and_is_large_enough(city: asyncpg.Connection):
    odd = await city.fetch(
        """
        SELECT external_id FROM fences JOIN sites USING (retailer_id, external_id)
        WHERE NOT ST_IsValid(shape) OR NOT ST_Covers(shape, location) OR ST_NPoints(shape) > 2000
           OR sqrt(ST_Area(shape::geography) / pi()) < 50
        """
    )
    assert odd == []
    assert await city.fetchval("SELECT count(*) FROM sites") == 983
    assert await city.fetchval("SELECT count(*) FROM fences WHERE site_id IS NOT NULL") == 981
    assert await city.fetchval("SELECT count(*) FROM fences WHERE centre IS NOT NULL") == 983 - 871


async def test_a_second_import_changes_nothing(city: asyncpg.Connection):
    before = await version_of(city)
    rows = await city.fetch("SELECT * FROM fences ORDER BY fence_id")
    report = await import_city(city, helsinki_file(), time_zone=HELSINKI_TIME_ZONE)
    assert (report.sites.new, report.sites.changed, report.sites.unchanged) == (0, 0, 983)
    assert (report.fences.new, report.fences.changed, report.fences.unchanged) == (0, 0, 981)
    assert await city.fetch("SELECT * FROM fences ORDER BY fence_id") == rows
    assert await version_of(city) == before


async def test_sensitive_places_are_sites_without_a_fence_and_the_report_says_so(
    connection: asyncpg.Connection, city: asyncpg.Connection, write_osm: WriteOsm
):
    path = write_osm([bakery(1), bakery(2, healthcare="clinic"), bakery(3, religion="christian")])
    report = await import_city(connection, path, time_zone="Europe/Helsinki")
    assert (report.sites.new, report.fences.new, report.sensitive) == (3, 1, 2)
    assert "Without a fence, being sensitive places: 2." in report.lines()
    fences = await connection.fetch("SELECT external_id FROM fences")
    assert [row["external_id"] for row in fences] == ["osm:node/1"]
    again = await import_city(connection, path, time_zone="Europe/Helsinki")
    assert (again.fences.unchanged, again.sensitive) == (1, 2)
    helsinki = await city.fetch("SELECT tags->>'category' AS shop FROM sites WHERE sensitive IS NOT NULL")
    assert {row["shop"] for row in helsinki} == {"hearing_aids", "medical_supply"}


async def test_an_import_writes_site_and_fence_of_its_own_retailer(
    connection: asyncpg.Connection, write_osm: WriteOsm
):
    before = await version_of(connection)
    path = write_osm([bakery(opening_hours="Mo-Fr 08:00-18:00")])
    report = await import_city(connection, path, time_zone="Europe/Helsinki")
    site = await connection.fetchrow(
        "SELECT *, ST_X(location) AS lon, ST_Y(location) AS lat, tags->>'category' AS category FROM sites"
    )
    assert (site["external_id"], site["name"], site["kind"]) == ("osm:node/1", "Leipä", "shop")
    assert (site["lon"], site["lat"], site["time_zone"]) == (24.94, 60.17, "Europe/Helsinki")
    assert (site["opening_hours"], site["category"]) == ("Mo-Fr 08:00-18:00", "bakery")
    assert site["attribution"] == ATTRIBUTION
    fence = await connection.fetchrow("SELECT *, ST_NPoints(shape) AS corners FROM fences")
    assert (fence["site_id"], fence["external_id"]) == (site["site_id"], "osm:node/1")
    assert (fence["tags"], fence["radius_m"], fence["corners"]) == (["shop", "bakery"], 60.0, 65)
    assert report.retailer_name == "OpenStreetMap places"
    assert await version_of(connection) == before + 1


async def test_an_import_is_audited_once_and_not_again_when_nothing_changed(
    connection: asyncpg.Connection, write_osm: WriteOsm
):
    path = write_osm([bakery()])
    for _ in range(2):
        report = await import_city(connection, path, time_zone="Europe/Helsinki")
    entry = await connection.fetchrow("SELECT *, changed->'sites_created'->>'after' AS sites FROM audit_log")
    assert (entry["role"], entry["operation"], entry["sites"]) == ("command", "alentour import", "1")
    assert entry["retailer_id"] == report.retailer_id
    assert await connection.fetchval("SELECT count(*) FROM audit_log") == 1


async def test_hours_nobody_can_read_are_kept_as_a_tag_and_counted(
    connection: asyncpg.Connection, write_osm: WriteOsm
):
    path = write_osm([bakery(opening_hours="Ma-Pe 10-18")])
    report = await import_city(connection, path, time_zone="Europe/Helsinki")
    assert report.faults == {("opening_hours", "not readable, kept as a tag"): 1}
    site = await connection.fetchrow("SELECT opening_hours, tags->>'opening_hours' AS raw FROM sites")
    assert tuple(site) == (None, "Ma-Pe 10-18")


async def test_a_changed_place_is_updated_and_its_fence_keeps_the_retailers_choices(
    connection: asyncpg.Connection, write_osm: WriteOsm
):
    await import_city(connection, write_osm([bakery(1), bakery(2)]), time_zone="Europe/Helsinki")
    await connection.execute("UPDATE fences SET dwell_s = 600, active_hours = 'Mo-Fr'")
    building = [*square(11, 60.1699, 24.9399, 60), ring(7, 11, building="yes")]
    moved = Node(id=2, location=(25.0, 60.2), tags={"shop": "bakery", "name": "Leipä"})
    path = write_osm([bakery(1, name="Uusi leipä"), moved, *building])
    report = await import_city(connection, path, time_zone="Europe/Helsinki")
    assert (report.sites.changed, report.fences.changed) == (2, 2)
    first = await connection.fetchrow(
        "SELECT name, dwell_s, active_hours, radius_m, revision FROM fences WHERE external_id = 'osm:node/1'"
    )
    assert tuple(first) == ("Uusi leipä", 600, "Mo-Fr", None, 2)
    assert await connection.fetchval("SELECT count(*) FROM sites") == 2


async def test_places_gone_from_the_file_stay(connection: asyncpg.Connection, write_osm: WriteOsm):
    await import_city(connection, write_osm([bakery(1), bakery(2)]), time_zone="Europe/Helsinki")
    report = await import_city(connection, write_osm([bakery(2)]), time_zone="Europe/Helsinki")
    assert report.sites.unchanged == 1
    assert await connection.fetchval("SELECT count(*) FROM sites") == 2


async def test_the_retailer_may_be_named_or_given_by_id(connection: asyncpg.Connection, write_osm: WriteOsm):
    path = write_osm([bakery()])
    made = await import_city(
        connection, path, retailer="Leipurit", creates_retailer=True, time_zone="Europe/Helsinki"
    )
    named = await import_city(connection, path, retailer="Leipurit", time_zone="Europe/Helsinki")
    given = await import_city(connection, path, retailer=str(made.retailer_id), time_zone="Europe/Helsinki")
    assert made.retailer_id == named.retailer_id == given.retailer_id
    assert (named.sites.unchanged, given.sites.unchanged) == (1, 1)
    assert await connection.fetchval("SELECT count(*) FROM retailers") == 1


@pytest.mark.parametrize(
    ("retailer", "creates_retailer", "refusal"),
    [
        ("999", False, NotFound),
        ("  ", False, NotFound),
        ("nobody", False, NotFound),
        ("999", True, NotFound),
        ("  ", True, InvalidInput),
    ],
)
async def test_a_retailer_that_is_not_there_is_refused_and_leaves_no_trace(
    connection: asyncpg.Connection,
    write_osm: WriteOsm,
    retailer: str,
    creates_retailer: bool,
    refusal: type[Exception],
):
    with pytest.raises(refusal):
        await import_city(
            connection,
            write_osm([bakery()]),
            retailer=retailer,
            creates_retailer=creates_retailer,
            time_zone="Europe/Helsinki",
        )
    assert await connection.fetchval("SELECT count(*) FROM sites") == 0
    assert await connection.fetchval("SELECT count(*) FROM retailers") == 0


async def test_an_unknown_time_zone_is_refused(connection: asyncpg.Connection, write_osm: WriteOsm):
    with pytest.raises(InvalidInput, match="Mars/Olympus"):
        await import_city(connection, write_osm([bakery()]), time_zone="Mars/Olympus")


async def test_an_empty_city_is_no_fault(connection: asyncpg.Connection, write_osm: WriteOsm):
    report = await import_city(connection, write_osm([]), time_zone="Europe/Helsinki")
    assert (report.kinds, report.sites.new) == ({}, 0)


async def test_a_file_that_is_no_map_leaves_no_trace(connection: asyncpg.Connection, tmp_path: Path):
    path = tmp_path / "broken.osm.pbf"
    path.write_bytes(b"no map")
    with pytest.raises(InvalidInput):
        await import_city(connection, path, time_zone="Europe/Helsinki")
    assert await connection.fetchval("SELECT count(*) FROM retailers") == 0


async def test_the_command_prints_counts_faults_and_attribution(
    connection: asyncpg.Connection, write_osm: WriteOsm
):
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    path = write_osm([bakery(opening_hours="whenever")])
    await import_and_print(connection, path, time_zone="Europe/Helsinki", console=console)
    said = console.file.getvalue()
    assert "1 new, 0 changed, 0 unchanged" in said
    assert "Read 1 places: 1 shop." in said
    assert "opening_hours: not readable, kept as a tag (1 times)" in said
    assert "© OpenStreetMap contributors, ODbL 1.0" in said
