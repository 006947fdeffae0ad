"""The roads of a city as a graph of places one can drive between, with speeds and traffic lights.

Reads an OpenStreetMap extract by itself, as `simulator.streets` does for people on foot. Knows nothing of
parking, phones or drivers.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import osmium
import rustworkx
import shapely
from numpy.typing import NDArray

from simulator.plane import Floats, Plane
from simulator.streets import CLOSED, UnusableCityError

# km/h where a sign says nothing.
SPEED_OF: Final = {
    "primary": 40, "primary_link": 30, "secondary": 40, "secondary_link": 30, "tertiary": 30,
    "tertiary_link": 30, "unclassified": 30, "residential": 30, "road": 30, "living_street": 15,
    "service": 15,
}  # fmt: skip
# Where cars are left at the kerb.
QUIET: Final = frozenset({"residential", "unclassified", "tertiary", "living_street", "road"})
FASTEST_KMH: Final = 50
KMH: Final = 1 / 3.6

Node = int


class Road(NamedTuple):
    """A stretch between two nodes, in the direction one may drive."""

    start: Node
    end: Node
    speed_mps: float
    is_quiet: bool


@dataclass(frozen=True)
class Roads:
    """The largest part of the network in which one can drive from everywhere to everywhere.

    `metres` holds (x, y) of every node; `roads` the stretches, `graph` the same by seconds; at the nodes in
    `lights` there is a traffic light.
    """

    metres: Floats
    roads: tuple[Road, ...]
    lights: frozenset[Node]
    graph: "rustworkx.PyDiGraph[int, float]"
    tree: shapely.STRtree

    def nearest(self, metres: Floats) -> NDArray[np.int64]:
        """The node nearest to each (x, y)."""
        return np.asarray(self.tree.nearest(shapely.points(metres)), dtype=np.int64)

    def route(self, origin: Node, target: Node) -> list[Node]:
        """The nodes of a quickest way, both ends included."""
        if origin == target:
            return [origin]
        paths = rustworkx.dijkstra_shortest_paths(self.graph, origin, target=target, weight_fn=float)
        return [int(node) for node in paths[target]]

    def speed_mps(self, start: Node, end: Node) -> float:
        """Of the stretch between two neighbours on a route."""
        away_m = float(np.hypot(*(self.metres[end] - self.metres[start])))
        return away_m / self.graph.get_edge_data(start, end)


def read_roads(path: Path, plane: Plane) -> Roads | None:
    """The roads of an .osm.pbf on the plane of its streets; None where nobody can drive."""
    reader = _Reader()
    try:
        for entity in osmium.FileProcessor(str(path)).with_locations():
            reader.read(entity)
    except RuntimeError as error:
        raise UnusableCityError(f"{path} cannot be read: {error}") from error
    return _largest(reader, plane)


class _Reader:
    """What of a file one drives on, by OSM ids."""

    def __init__(self) -> None:
        self.positions: dict[int, tuple[float, float]] = {}
        self.roads: dict[tuple[int, int], Road] = {}
        self.lights: set[int] = set()

    def read(self, entity: object) -> None:
        if isinstance(entity, osmium.osm.Node):
            if entity.tags.get("highway") == "traffic_signals":
                self.lights.add(entity.id)
        elif isinstance(entity, osmium.osm.Way):
            tags = dict(entity.tags)
            if is_drivable(tags):
                self._add(entity, tags)

    def _add(self, way: osmium.osm.Way, tags: dict[str, str]) -> None:
        placed = [(node.ref, node.location) for node in way.nodes]
        speed_mps, is_quiet = speed_kmh(tags) * KMH, tags["highway"] in QUIET
        forward, backward = directions(tags)
        for (one, here), (other, there) in pairwise(placed):
            if one == other or not (here.valid() and there.valid()):  # cut off at the edge of the extract
                continue
            self.positions[one], self.positions[other] = (here.lon, here.lat), (there.lon, there.lat)
            if forward:
                self.roads[one, other] = Road(one, other, speed_mps, is_quiet)
            if backward:
                self.roads[other, one] = Road(other, one, speed_mps, is_quiet)


def is_drivable(tags: dict[str, str]) -> bool:
    """Whether anybody may drive a car there: OSM `highway`, narrowed by `access` and `motor_vehicle`."""
    if tags.get("highway") not in SPEED_OF:
        return False
    return tags.get("motor_vehicle", tags.get("access", "yes")) not in CLOSED


def speed_kmh(tags: dict[str, str]) -> float:
    """By the sign, else as is usual on such a road."""
    usual = SPEED_OF[tags["highway"]]
    signed = tags.get("maxspeed", "")
    return min(float(signed) if signed.isdecimal() and int(signed) >= 5 else usual, FASTEST_KMH)


def directions(tags: dict[str, str]) -> tuple[bool, bool]:
    """Whether one may drive along the way as it is drawn, and against."""
    oneway = tags.get("oneway", "yes" if tags.get("junction") == "roundabout" else "no")
    return oneway != "-1", oneway not in {"yes", "1", "true"}


def _largest(reader: _Reader, plane: Plane) -> Roads | None:
    ids = sorted({node for pair in reader.roads for node in pair})
    numbers = {node: number for number, node in enumerate(ids)}
    whole: rustworkx.PyDiGraph[int, None] = rustworkx.PyDiGraph()
    whole.add_nodes_from(ids)
    whole.add_edges_from_no_data([(numbers[a], numbers[b]) for a, b in sorted(reader.roads)])
    parts = rustworkx.strongly_connected_components(whole)
    largest = max(parts, key=lambda part: (len(part), -min(part)), default=[])
    if len(largest) < 2:
        return None
    kept = {ids[number]: place for place, number in enumerate(sorted(largest))}
    metres = plane.to_metres(np.array([reader.positions[node] for node in kept]))
    roads = tuple(
        Road(kept[a], kept[b], road.speed_mps, road.is_quiet)
        for (a, b), road in sorted(reader.roads.items())
        if a in kept and b in kept
    )
    graph: rustworkx.PyDiGraph[int, float] = rustworkx.PyDiGraph(multigraph=False)
    graph.add_nodes_from(range(len(metres)))
    graph.add_edges_from([(road.start, road.end, _seconds(road, metres)) for road in roads])
    lights = frozenset(kept[node] for node in reader.lights & kept.keys())
    tree = shapely.STRtree(np.asarray(shapely.points(metres), dtype=object))
    return Roads(metres, roads, lights, graph, tree)


def _seconds(road: Road, metres: Floats) -> float:
    return float(np.hypot(*(metres[road.end] - metres[road.start]))) / road.speed_mps
