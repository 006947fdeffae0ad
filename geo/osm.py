"""OpenStreetMap files read into plain places: what is there, where, and with which outline.

Owns the reading of an `.osm.pbf` (or `.osm`) file and the judgement of its tags. A tag that makes
no sense is counted in `City.faults` and left out, the place stays; nothing in a readable file is
fatal. It knows no database, no retailers and no fences, and does not judge opening hours (that
takes the rules' own parser): they are handed on as they were written.

Data: © OpenStreetMap contributors, ODbL 1.0 (https://www.openstreetmap.org/copyright).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec
import osmium
import shapely
from osmium.osm import Area, Node, Relation, Way
from osmium.osm.types import OSMEntity

from geo import osm_tags
from geo.errors import InvalidInput

ATTRIBUTION: Final = "© OpenStreetMap contributors, ODbL 1.0"

OsmType = Literal["node", "way", "relation"]
Outline = shapely.Polygon | shapely.MultiPolygon
Progress = Callable[[str, int, int | None], None]

_OBJECTS_PER_REPORT: Final = 20_000


class OsmPlace(msgspec.Struct, kw_only=True):
    """A shop, restaurant, café, bar or car park. Degrees are WGS 84.

    `outline` is the place's own area, or else the smallest building that contains its node; its
    coordinates are (lon, lat). `category` is the value of `shop=` or `amenity=`.
    """

    osm_type: OsmType
    osm_id: int
    kind: osm_tags.Kind
    category: str
    name: str
    lat: float
    lon: float
    outline: Outline | None = None
    opening_hours: str | None = None
    tags: dict[str, str]

    @property
    def external_id(self) -> str:
        return f"osm:{self.osm_type}/{self.osm_id}"


class City(msgspec.Struct, kw_only=True):
    """All that one file says. `faults` counts (tag, what was wrong with it).

    `opening_hours` counts the objects of any sort that carry some, `streets` the ways with `highway=`.
    """

    places: list[OsmPlace] = []
    streets: int = 0
    opening_hours: int = 0
    faults: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)


def read_city(path: Path, progress: Progress | None = None) -> City:
    """Read the whole file, twice (areas of relations need a first pass). Raises InvalidInput."""
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.")
    reading = _Reading()
    try:
        for count, entity in enumerate(_entities(path)):
            reading.take(entity)
            if progress and count % _OBJECTS_PER_REPORT == 0:
                progress("reading", count, None)
    except RuntimeError as error:  # all that osmium knows to raise for an unreadable file
        raise InvalidInput(f"{path.name} is not a readable OpenStreetMap file: {error}") from error
    return reading.finish()


def _entities(path: Path) -> Iterator[OSMEntity]:
    keys = osmium.filter.KeyFilter("shop", "amenity", "building", "highway", "opening_hours")
    areas = osmium.filter.KeyFilter("shop", "amenity", "building")
    return iter(osmium.FileProcessor(str(path)).with_areas(areas).with_filter(keys))


class _Reading:
    """What has been read so far. A closed way comes twice: as a way, then as the area it bounds."""

    def __init__(self) -> None:
        self.city = City()
        self._geometries = osmium.geom.WKBFactory()
        # Ways and relations tagged as places, until their area turns up.
        self._awaiting_area: dict[tuple[OsmType, int], OsmPlace | None] = {}
        self._points: list[OsmPlace] = []
        self._tree = shapely.STRtree([])

    def take(self, entity: OSMEntity) -> None:
        try:
            tags = {tag.k: tag.v for tag in entity.tags}
        except UnicodeDecodeError:
            self._fault("any tag", "not UTF-8")
            return
        if isinstance(entity, Area):
            self._take_area(entity, tags)
            return
        self.city.opening_hours += "opening_hours" in tags
        if isinstance(entity, Node):
            self._take_node(entity, tags)
        elif isinstance(entity, Way):
            self._take_way(entity, tags)
        elif isinstance(entity, Relation) and osm_tags.kind_of(tags):
            self._awaiting_area["relation", entity.id] = None

    def finish(self) -> City:
        """Places whose area never came: cut off by the edge of the file, or no areas at all."""
        for (osm_type, _), place in self._awaiting_area.items():
            if place is None:
                self._fault(osm_type, "tagged as a place but has no area and no position")
            else:
                self._fault(osm_type, "outline open or cut off, taken as a point")
                self.city.places.append(place)
        self.city.places.extend(self._points)
        self.city.places.sort(key=lambda place: (place.osm_type, place.osm_id))
        return self.city

    def _take_node(self, node: Node, tags: dict[str, str]) -> None:
        if osm_tags.kind_of(tags) is None:
            return
        if not node.location.valid():
            self._fault("node", "no valid position")
            return
        self._points.append(self._place("node", node.id, tags, node.location.lon, node.location.lat))

    def _take_way(self, way: Way, tags: dict[str, str]) -> None:
        self.city.streets += "highway" in tags
        if osm_tags.kind_of(tags) is None:
            return
        corners = [(ref.location.lon, ref.location.lat) for ref in way.nodes if ref.location.valid()]
        if not corners:
            self._awaiting_area["way", way.id] = None
            return
        middle = shapely.MultiPoint(corners).centroid
        self._awaiting_area["way", way.id] = self._place("way", way.id, tags, middle.x, middle.y)

    def _take_area(self, area: Area, tags: dict[str, str]) -> None:
        osm_type: OsmType = "way" if area.from_way() else "relation"
        is_place = (osm_type, area.orig_id()) in self._awaiting_area
        if not is_place and "building" not in tags:
            return
        outline = self._outline_of(area)
        if outline is None:
            return
        if is_place:
            self._settle_place(osm_type, area.orig_id(), tags, outline)
        if "building" in tags:
            self._lend_to_points(outline)

    def _settle_place(self, osm_type: OsmType, osm_id: int, tags: dict[str, str], outline: Outline) -> None:
        place = self._awaiting_area.pop((osm_type, osm_id))
        middle = outline.centroid if outline.covers(outline.centroid) else outline.representative_point()
        if place is None:
            place = self._place(osm_type, osm_id, tags, middle.x, middle.y)
        place.outline, place.lon, place.lat = outline, middle.x, middle.y
        self.city.places.append(place)

    def _outline_of(self, area: Area) -> Outline | None:
        """None where the rings do not make an area; the place then counts as one without."""
        try:
            shape = shapely.from_wkb(self._geometries.create_multipolygon(area))
        except (RuntimeError, shapely.GEOSException):
            shape = shapely.MultiPolygon()
        if not isinstance(shape, shapely.MultiPolygon) or shape.is_empty or not shape.is_valid:
            self._fault("outline", "rings that make no area")
            return None
        return shape.geoms[0] if len(shape.geoms) == 1 else shape

    def _lend_to_points(self, building: Outline) -> None:
        """Give a building to the nodes inside it.

        Nodes come first in a sorted file, so the tree is built once; in an unsorted one it is
        rebuilt, and late nodes go without an outline.
        """
        if len(self._tree) != len(self._points):
            self._tree = shapely.STRtree([shapely.Point(place.lon, place.lat) for place in self._points])
        for row in self._tree.query(building, predicate="covers"):
            place = self._points[row]
            if place.outline is None or building.area < place.outline.area:
                place.outline = building

    def _place(
        self, osm_type: OsmType, osm_id: int, tags: dict[str, str], lon: float, lat: float
    ) -> OsmPlace:
        read = osm_tags.read(tags)
        self.city.faults.update(read.faults)
        return OsmPlace(
            osm_type=osm_type,
            osm_id=osm_id,
            kind=read.kind,
            category=read.category,
            name=read.name,
            lat=lat,
            lon=lon,
            opening_hours=read.opening_hours,
            tags=read.kept,
        )

    def _fault(self, what: str, why: str) -> None:
        self.city.faults[what, why] += 1
