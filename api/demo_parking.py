"""Paid parking of the demo city: invented operators, real streets and car parks, tariffs that cities have.

Owns which kerbs and car parks are whose, by the seed, in the documented import forms; and putting them on a
server through the public imports. The shape of `demo_parking.toml` is described there. Knows no database.
"""

import math
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import osmium
import shapely
from shapely import LineString, MultiLineString, MultiPolygon, Point, Polygon

from api.demo_calls import call
from api.demo_city import HELSINKI_TIME_ZONE
from geo.osm import OsmPlace, read_city
from geo.shapes import metres_per_degree

_FILE: Final = Path(__file__).with_suffix(".toml")
_QUIET: Final = frozenset({"residential", "unclassified", "tertiary"})
_CLOSED: Final = frozenset({"private", "no", "permit"})
_KERB_M: Final = 10.0
_SHORTEST_M: Final = 60.0
# Around the entrance of what is underground, or drawn as a hut.
_ENTRANCE_M: Final = 25.0
_SMALLEST_M2: Final = 150.0
_GEOJSON: Final = "application/geo+json"

Shape = Polygon | MultiPolygon


class OperatorLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An operator as the file has it; tariffs are the import's own JSON."""

    external_id: str
    name: str
    code: str
    rings: tuple[tuple[float, str], ...]
    tariffs: tuple[dict[str, Any], ...]
    streets: float = 0.0
    car_parks: float = 0.0
    stay_rules: dict[str, Any] | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    operators: tuple[OperatorLine, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one operator imports: tariffs, then a FeatureCollection of zones that name them.

    `stay_rules` are what it settles of each zone beside the tariff.
    """

    external_id: str
    name: str
    tariffs: list[dict[str, Any]]
    features: list[dict[str, Any]]
    stay_rules: dict[str, Any] | None = None


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """An operator on a server. The inspectors' key is a secret."""

    retailer_id: int
    name: str
    zones: int
    enforce_key: str


def operators() -> tuple[OperatorLine, ...]:
    """All of the file, in its order."""
    return msgspec.toml.decode(_FILE.read_bytes(), type=_File).operators


def plan(city: Path, *, seed: int) -> list[Plan]:
    """Who runs what of the city; the same seed gives the same to the same."""
    streets = _quiet_streets(city)
    places = [place for place in read_city(city).places if _is_open_car_park(place)]
    middle = shapely.MultiPoint([street.centroid for street in streets.values()]).centroid
    rng = Random(f"{seed}/parking")
    plans = {line.external_id: _Zones(line, middle) for line in operators()}
    for name, street in sorted(streets.items()):
        lot = rng.random()
        for line in operators():
            lot -= line.streets
            if lot < 0 < line.streets:
                plans[line.external_id].add_kerb(name, street)
                break
    for place in places:
        lot = rng.random()
        for line in operators():
            lot -= line.car_parks
            if lot < 0 < line.car_parks:
                plans[line.external_id].add_car_park(place)
                break
    return [
        Plan(
            external_id=line.external_id,
            name=line.name,
            tariffs=list(line.tariffs),
            features=plans[line.external_id].features,
            stay_rules=line.stay_rules,
        )
        for line in operators()
    ]


def open_operator(address: str, key: str, one: Plan) -> Operator:
    """Make the tenant and import its tariffs and zones with an admin key. Raises Unavailable."""
    added = call(f"{address}/v1/retailers", key, {"name": one.name, "external_id": one.external_id})
    owner = f"retailer_id={added['retailer_id']}"
    call(f"{address}/v1/parking/tariffs/import?{owner}", key, {"tariffs": one.tariffs})
    zones = {"type": "FeatureCollection", "features": one.features}
    call(f"{address}/v1/parking/zones/import?{owner}", key, zones, kind=_GEOJSON)
    if one.stay_rules is not None:
        listed = call(f"{address}/v1/parking/zones/all?{owner}&limit=200", key)["items"]
        for zone in listed:
            path = f"/v1/parking/zones/{zone['id']}/stay-rules?{owner}"
            call(f"{address}{path}", key, one.stay_rules, method="PUT")
    keys = f"{address}/v1/retailers/{added['retailer_id']}/keys"
    return Operator(
        retailer_id=added["retailer_id"],
        name=one.name,
        zones=len(one.features),
        enforce_key=call(keys, key, {"role": "enforce"})["key"],
    )


class _Zones:
    """The zones of one operator, numbered as they come."""

    def __init__(self, line: OperatorLine, middle: Point) -> None:
        self._line = line
        self._middle = middle
        self.features: list[dict[str, Any]] = []

    def add_kerb(self, name: str, street: MultiLineString) -> None:
        self._add(name, street, street.centroid, buffer_m=_KERB_M)

    def add_car_park(self, place: OsmPlace) -> None:
        at = Point(place.lon, place.lat)
        is_drawn = place.outline is not None and _area_m2(place.outline) >= _SMALLEST_M2
        shape = place.outline if is_drawn else _round(at, _ENTRANCE_M)
        self._add(place.name or "Car park", shape, at)

    def _add(self, name: str, shape: Any, at: Point, **more: Any) -> None:
        code = f"{self._line.code}{len(self.features) + 1:02}"
        away_m = _metres(self._middle, at)
        tariff = next(name for up_to_m, name in self._line.rings if away_m <= up_to_m)
        properties = {"code": code, "name": name, "time_zone": HELSINKI_TIME_ZONE, "tariff": tariff, **more}
        self.features.append(
            {"type": "Feature", "geometry": shapely.geometry.mapping(shape), "properties": properties}
        )


def _quiet_streets(city: Path) -> dict[str, MultiLineString]:
    """The streets with a name that one may park along, each as all of its lines."""
    lines: dict[str, list[LineString]] = defaultdict(list)
    for way in osmium.FileProcessor(str(city)).with_locations():
        if not isinstance(way, osmium.osm.Way) or way.tags.get("highway") not in _QUIET:
            continue
        placed = [(node.lon, node.lat) for node in way.nodes if node.location.valid()]
        name = way.tags.get("name")
        if name is not None and len(placed) > 1 and way.tags.get("access", "yes") not in _CLOSED:
            lines[name].append(LineString(placed))
    streets = {name: MultiLineString(parts) for name, parts in lines.items()}
    return {name: street for name, street in streets.items() if _length_m(street) >= _SHORTEST_M}


def _is_open_car_park(place: OsmPlace) -> bool:
    return place.kind == "car_park" and place.tags.get("access", "yes") not in _CLOSED


def _round(at: Point, radius_m: float) -> Shape:
    east, north = metres_per_degree(at.y)
    disc = shapely.buffer(Point(0, 0), radius_m, quad_segs=4)
    return shapely.transform(disc, lambda metres: metres / (east, north) + (at.x, at.y))


def _metres(one: Point, other: Point) -> float:
    east, north = metres_per_degree(one.y)
    return math.hypot((other.x - one.x) * east, (other.y - one.y) * north)


def _area_m2(shape: Shape) -> float:
    east, north = metres_per_degree(shape.centroid.y)
    return float(shape.area) * east * north


def _length_m(street: MultiLineString) -> float:
    east, north = metres_per_degree(street.centroid.y)
    return float(shapely.length(shapely.transform(street, lambda degrees: degrees * (east, north))))
