"""Sites and fences from CSV over HTTP, as spreadsheets of all sorts write it, and wrong in every way."""

from __future__ import annotations

import csv
import io

import pytest

from tests.http.bringing import BREAD, SITES, bring, counted, take
from tests.http.shops import Shop, faults_of, shop, sql

__all__ = ["shop", "sql"]  # fixtures

FENCES = "external_id,name,lat,lon,radius_m,wkt,site_external_id,tags,dwell_s\n"
SQUARE = '"POLYGON((24.93 60.16,24.94 60.16,24.94 60.17,24.93 60.16))"'


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("ending", ["\r\n", "\n"])
async def test_sites_come_from_a_spreadsheet(shop: Shop, mark: str, delimiter: str, ending: str) -> None:
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=delimiter, lineterminator=ending)
    writer.writerows(csv.reader(io.StringIO(SITES + BREAD)))
    answer = await bring(shop, "sites", (mark + lines.getvalue()).encode())
    assert (answer.status_code, answer.json()["created"]) == (200, 1), answer.text
    [site] = (await shop.client.get("/v1/sites")).json()["items"]
    assert (site["name"], site["lat"], site["tags"]) == ("Bread, and more", 60.1646, {"cuisine": "bakery"})


async def test_a_french_spreadsheet_is_read_with_its_commas_and_its_words(shop: Shop) -> None:
    sites = "external_id;name;lat;lon;time_zone\na;Boulangerie;48,8534;2,3488;Europe/Paris\n"
    assert await counted(shop, "sites", "\ufeff" + sites) == (1, 0, 0, 0)
    [site] = (await shop.client.get("/v1/sites")).json()["items"]
    assert (site["lat"], site["lon"]) == (48.8534, 2.3488)
    offers = (
        "external_id;content.fr.title;content.fr.text;triggers;channel;fences.site_external_ids;"
        "schedule.only_while_open;priority\n"
        "x;Pain;Du pain, à moitié prix;enter|nearby;push;a;VRAI;-5\n"
    )
    assert await counted(shop, "offers", offers) == (1, 0, 0, 0)
    [offer] = (await take(shop, "/v1/offers/export"))["offers"]
    assert (offer["schedule"]["only_while_open"], offer["priority"]) == (True, -5)
    assert offer["content"]["fr"]["text"] == "Du pain, à moitié prix"


async def test_fences_come_as_circles_and_as_well_known_text(shop: Shop) -> None:
    await bring(shop, "sites", SITES + BREAD)
    lines = f"circle,Circle,60.1646,24.9385,80,,bread,soup|street,120\nsquare,Square,,,,{SQUARE},,,\n"
    assert await counted(shop, "fences", FENCES + lines) == (2, 0, 0, 0)
    circle_, square = (await take(shop, "/v1/fences/export"))["features"]
    said = circle_["properties"]
    assert (said["site_external_id"], said["tags"], said["dwell_s"]) == ("bread", ["soup", "street"], 120)
    assert square["geometry"]["type"] == "Polygon"


async def test_names_of_tags_may_have_dots_and_items_may_have_bars(shop: Shop) -> None:
    sites = (
        "external_id,name,lat,lon,time_zone,tags.contact.email\na,A,60.1,24.9,Europe/Helsinki,a@b.example\n"
    )
    await bring(shop, "sites", sites)
    [site] = (await shop.client.get("/v1/sites")).json()["items"]
    assert site["tags"] == {"contact.email": "a@b.example"}
    await bring(shop, "fences", FENCES + r"c,C,60.1,24.9,80,,,soup\|bread|a\\b," + "\n")
    [fence] = (await take(shop, "/v1/fences/export"))["features"]
    assert fence["properties"]["tags"] == ["soup|bread", "a\\b"]
    table = await take(shop, "/v1/fences/export", format="csv")
    assert await counted(shop, "fences", table) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("a,A,north,24.9,Europe/Helsinki,,", "lat"),
        ("a,A,,24.9,Europe/Helsinki,,", "lat"),
        ("a,A,60.1,190,Europe/Helsinki,,", "lon"),
        ("a,A,nan,24.9,Europe/Helsinki,,", "lat"),
        ('a,A,"60,1",24.9,Europe/Helsinki,,', "lat"),  # a comma in a number goes with semicolons
        ("a,A,60.1,24.9,Mars/Olympus,,", "time_zone"),
        ("a,A,60.1,24.9,Europe/Helsinki,whenever,", "opening_hours"),
        ("a,A,60.1,24.9,,,", ""),  # a cell that must not be empty
        ("a,A,60.1,24.9,Europe/Helsinki,,,too many", ""),
        (",A,60.1,24.9,Europe/Helsinki,,", "external_id"),
        ("bread,A,60.1,24.9,Europe/Helsinki,,", "external_id"),
        ("import,A,60.1,24.9,Europe/Helsinki,,", "external_id"),
        ("export,A,60.1,24.9,Europe/Helsinki,,", "external_id"),
    ],
)
async def test_a_wrong_cell_is_told_by_the_row_of_the_file_and_its_column(
    shop: Shop, line: str, field: str
) -> None:
    before = BREAD + "\r\n" + "two,T,60.1,24.9,Europe/Helsinki,,\r\n"  # a blank row counts, too
    refused = await bring(shop, "sites", SITES + before + line + "\n")
    assert (refused.status_code, refused.json()["code"]) == (400, "rows_refused")
    assert list(faults_of(refused)) == [f"rows[5].{field}".rstrip(".")]
    dry = (await bring(shop, "sites", SITES + before + line + "\n", dry_run=True)).json()
    assert [error["row"] for error in dry["errors"]] == [5]
    assert (await shop.client.get("/v1/sites")).json()["items"] == []


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("a,A,60.1,24.9,5,,,,", "radius_m"),
        ("a,A,60.1,24.9,wide,,,,", "radius_m"),
        ("a,A,86,24.9,80,,,,", "lat"),
        (f"a,A,60.1,24.9,,{SQUARE},,,", "wkt"),
        (f"a,A,,,80,{SQUARE},,,", "radius_m"),
        ("a,A,,,,LINESTRING(24.93 60.16),,,", "wkt"),
        ('a,A,,,,"POLYGON((24.93 60.16,24.94 60.16,24.94 60.17))",,,', "wkt"),
        ('a,A,,,,"POLYGON((24.93 60.16,24.94 60.17,24.94 60.16,24.93 60.17,24.93 60.16))",,,', "wkt"),
        (f"a,A,,,,{'(' * 2000},,,", "wkt"),
        ("a,A,60.1,24.9,80,,nowhere,,", "site_external_id"),
        ("a,A,60.1,24.9,80,,,,1", "dwell_s"),
        ("a,A,60.1,24.9,80,,,,soon", "dwell_s"),
        ("a,A,60.1,24.9,80,,,a||b,", "tags[1]"),
    ],
)
async def test_a_wrong_fence_is_told_by_its_column(shop: Shop, line: str, field: str) -> None:
    refused = await bring(shop, "fences", FENCES + line + "\n")
    assert (refused.status_code, refused.json()["code"]) == (400, "rows_refused")
    assert list(faults_of(refused)) == [f"rows[2].{field}"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        SITES.encode(),
        b'name\n"open',
        b"name,name\n1,2\n",
        b"name,,lat\n1,2,3\n",
        (SITES + BREAD).encode("utf-16"),
        (SITES + BREAD).encode("utf-16-le"),
        (SITES + BREAD.replace("Bread", "Café")).encode("latin-1"),
        (SITES + BREAD * 10_001).encode(),
        b"external_id\n" + b"a\n" * 2_000_000,
        b"external_id\n" + b"x" * 200_000,
    ],
    ids=[
        "empty", "blank", "no rows", "an open quote", "a name twice", "no name", "UTF-16", "UTF-16, unmarked",
        "Latin-1", "too many rows", "far too many rows", "an endless cell",
    ],
)  # fmt: skip
async def test_what_is_no_table_is_refused_as_a_whole(shop: Shop, body: bytes) -> None:
    refused = await bring(shop, "sites", body)
    assert refused.status_code == 400
    assert set(faults_of(refused)) == {"body"}


async def test_a_column_that_nobody_knows_is_told_once_with_those_there_are(shop: Shop) -> None:
    refused = await bring(shop, "sites", SITES.replace("opening_hours", "opening_ours") + BREAD * 3)
    [(field, reason)] = faults_of(refused).items()
    assert field == "rows[1]"
    assert "'opening_ours'" in reason
    assert "opening_hours" in reason
    assert "site_id" not in reason


async def test_what_a_semicolon_parts_is_no_comma(shop: Shop) -> None:
    refused = await bring(shop, "sites", "external_id;name,lat;lon;time_zone\na;b;c;d\n")
    assert set(faults_of(refused)) == {"rows[1]"}


async def test_only_imports_take_csv(shop: Shop) -> None:
    for path in ("/v1/sites/a", "/v1/offers"):
        method = "PUT" if path.endswith("a") else "POST"
        refused = await shop.client.request(method, path, content="a", headers={"content-type": "text/csv"})
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
