"""The City of Montpellier's open data of 2014, read as it is and turned into Alentour's import files.

Owns the reading and the shapes: the shapefile of streets with their parking zone, the tariffs as printed
in its README, pay stations, garages, restaurants. Nothing of it is in this repository; tests skip where
../shared/data is absent. Sources and licences are in its README (Licence Ouverte; ODbL for OSM).
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import shapefile
import shapely
from shapely.geometry.base import BaseGeometry

FOLDER: Final = Path(__file__).parents[3] / "shared" / "data" / "montpellier"
PROJECTED: Final = 2154  # RGF93 / Lambert-93, metres
TIME_ZONE: Final = "Europe/Paris"
# A street's line is its middle; cars stand within so much of it.
KERB_M: Final = 10.0
# What the data does not have: when the meters run.
HOURS: Final = "Mo-Sa 09:00-12:00,14:00-19:00; PH off"
COLOURS: Final = {"jaune": "Jaune", "orange": "Orange", "vert": "Verte"}
_SIMPLER_M: Final = 0.5


class Printed(NamedTuple):
    """A line of the printed tariff: so many minutes, or days, for so many cents."""

    minutes: int | None
    days: int | None
    price_minor: int


def read_segments() -> dict[str, list[BaseGeometry]]:
    """The paid street segments by zone colour, in Lambert-93."""
    streets = shapefile.Reader(str(FOLDER / "VilleMTP_MTP_TarifStaVoies.zip"), encoding="cp1252")
    found: dict[str, list[BaseGeometry]] = defaultdict(list)
    for number, record in enumerate(streets.records()):
        if colour := record["tarprojph1"].strip().lower():
            found[colour].append(shapely.geometry.shape(streets.shape(number).__geo_interface__))
    return found


def dissolve(segments: Iterable[BaseGeometry]) -> list[shapely.Polygon]:
    """Kerbs on both sides of the streets, one polygon for all that touch, the largest first."""
    merged = shapely.union_all(shapely.buffer(list(segments), KERB_M))
    merged = shapely.simplify(merged, _SIMPLER_M)
    parts = list(shapely.get_parts(merged))
    return sorted(parts, key=lambda part: -part.area)


async def to_wgs84(rows: asyncpg.Pool, shapes: Iterable[BaseGeometry]) -> list[dict[str, Any]]:
    """GeoJSON geometries; PostGIS knows the projection."""
    found = await rows.fetch(
        "SELECT ST_AsGeoJSON(ST_Transform(ST_GeomFromWKB(s, $2), 4326), 7) AS shape"
        " FROM unnest($1::bytea[]) WITH ORDINALITY AS w(s, n) ORDER BY n",
        [shapely.to_wkb(shape) for shape in shapes],
        PROJECTED,
    )
    return [json.loads(row["shape"]) for row in found]


async def zones_file(rows: asyncpg.Pool) -> dict[str, Any]:
    """The documented GeoJSON: a zone for every connected patch of a colour."""
    features = []
    for colour, segments in sorted(read_segments().items()):
        shapes = await to_wgs84(rows, dissolve(segments))
        for number, geometry in enumerate(shapes, 1):
            properties = {
                "code": f"{colour[0].upper()}{number:02}",
                "name": f"Zone {COLOURS[colour].lower()} {number}",
                "time_zone": TIME_ZONE,
                "tariff": colour,
            }
            features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return {"type": "FeatureCollection", "features": features}


def read_printed() -> dict[str, dict[str, list[Printed]]]:
    """The tariffs as its README prints them: by colour, visitors' (`normal`) and residents' (`resident`)."""
    text = (FOLDER / "README_TarifStaVoies.txt").read_text(encoding="utf-8", errors="replace")
    found: dict[str, dict[str, list[Printed]]] = {}
    for line in text.splitlines():
        if heading := re.search(r"[Zz]one (?:\w+ durée )?[\"“]?\s*(jaune|Orange|Verte)", line):
            found[{"verte": "vert"}.get(heading[1].lower(), heading[1].lower())] = current = defaultdict(list)
        elif printed := re.match(r"Tarif (normal|résidant) (.+?) (\d+),(\d\d) €", line.strip()):
            kind = "normal" if printed[1] == "normal" else "resident"
            current[kind].append(_printed(printed[2], 100 * int(printed[3]) + int(printed[4])))
    return found


def _printed(length: str, price_minor: int) -> Printed:
    if days := re.match(r"(\d+) jours?$", length):
        return Printed(None, int(days[1]), price_minor)
    if hours := re.match(r"(\d+)(?:/(\d+))?(?:h|ème heure)(\d+)?$", length):
        minutes = 60 * int(hours[1]) // int(hours[2] or 1) + int(hours[3] or 0)
        return Printed(minutes, None, price_minor)
    minutes_only = re.match(r"(\d+)min$", length)
    assert minutes_only, f"an unknown length: {length}"
    return Printed(int(minutes_only[1]), None, price_minor)


def tariffs_file() -> dict[str, Any]:
    """The documented JSON: one version of a tariff for each colour."""
    return {"tariffs": [_tariff(colour, printed) for colour, printed in sorted(read_printed().items())]}


def _tariff(colour: str, printed: Mapping[str, list[Printed]]) -> dict[str, Any]:
    rates = [_rate(1, printed["normal"])]
    if printed.get("resident"):
        rates.insert(0, {**_rate(0, printed["resident"]), "user_classes": ["resident"]})
    return {
        "id": colour,
        "version": 1,
        "currency": "EUR",
        "name": {"fr": f"Zone {COLOURS[colour].lower()}"},
        "rates": rates,
    }


def _rate(priority: int, printed: Iterable[Printed]) -> dict[str, Any]:
    lines, passes, begin = [], [], 0
    for one in printed:
        if one.minutes is None:
            days = "paid_days" if (one.days or 0) < 15 else "days"
            passes.append({days: one.days, "price_minor": one.price_minor})
        else:
            step = {"from_minutes": begin, "until_minutes": one.minutes, "price_minor": one.price_minor}
            lines.append({"type": "step", **step})
            begin = one.minutes
    return {"priority": priority, "hours": HOURS, "lines": lines, **({"passes": passes} if passes else {})}


def read_pay_stations() -> list[tuple[float, float]]:
    """Latitude and longitude of each; the headers of its last two columns are of others."""
    with (FOLDER / "VilleMTP_MTP_Horodateurs_2011.csv").open(encoding="cp1252", newline="") as file:
        rows = list(csv.reader(file))[1:]
    found = [(row[-1].replace(",", "."), row[-2].replace(",", ".")) for row in rows]
    return [(float(lat), float(lon)) for lat, lon in found if lat and lon]


def sites_file() -> dict[str, Any]:
    """The documented GeoJSON of sites: garages, and restaurants with a name."""
    return {"type": "FeatureCollection", "features": [*_garages(), *_restaurants()]}


def _garages() -> list[dict[str, Any]]:
    with (FOLDER / "VilleMTP_MTP_ParkingOuv.csv").open(encoding="cp1252", newline="") as file:
        rows = list(csv.reader(file))[1:]
    # Their ids repeat, so they are told apart by their place in the file.
    return [
        _site(f"garage-{number}", row[1], "parking", [float(x.replace(",", ".")) for x in row[12:14]])
        for number, row in enumerate(rows, 1)
    ]


def _restaurants() -> list[dict[str, Any]]:
    features = json.loads((FOLDER / "OSM_MTP_Restaurants.geojson").read_text(encoding="utf-8"))["features"]
    sites = []
    for feature in features:
        said = feature["properties"]
        if said["name"] and feature["geometry"]["type"] == "Point":
            name = f"osm-{said['osm_id']}"
            site = _site(name, said["name"], "restaurant", feature["geometry"]["coordinates"])
            site["properties"]["attribution"] = "© OpenStreetMap contributors, ODbL"
            sites.append(site)
    return sites


def _site(external_id: str, name: str, kind: str, lon_lat: list[float]) -> dict[str, Any]:
    properties = {"external_id": external_id, "name": name, "kind": kind, "time_zone": TIME_ZONE}
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": lon_lat[:2]},
        "properties": properties,
    }
