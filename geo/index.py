"""The fence index: which fences cover a position, and how far the edges are.

Inside and outside are decided on longitude and latitude with the very predicate PostGIS uses
(`ST_Covers` on EPSG:4326: planar, edges included), so index and database cannot disagree.
Distances are measured on the spherical Mercator plane, which is conformal: times the cosine of
the latitude they are metres, wrong by less than one part in a thousand within a few kilometres.

Most positions lie far from any edge. So the plane is cut into cells, and what holds at the centre of a
cell (which fences cover it, how far the nearest edge is) is found out once and kept: a position that is
nearer to the centre than any edge is, is covered by the same fences. Only the others ask the predicate.

The index is immutable but for that memory; an edit builds a new one. It knows nothing of offers or
retailers.
"""

from collections.abc import Mapping, Sequence
from math import atanh, cos, floor, hypot, radians, sin
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

EARTH_RADIUS_M: Final = 6_371_008.8  # mean radius, IUGG
FURTHEST_EDGE_M: Final = 2_000.0
CELL: Final = 64.0  # side of a cell on the Mercator plane: 64 m at the equator, 32 m at 60° north
MOST_CELLS: Final = 500_000
SEEN_ACROSS: Final = 50_000.0  # on the Mercator plane: more than FURTHEST_EDGE_M up to 87° north
ROUNDING_DEG: Final = 1e-9  # a tenth of a millimetre
_ROWS_OF_CELLS: Final = 4_194_304
_HIGHEST_LAT: Final = 89.5

Degrees = NDArray[np.float64]
Metres = NDArray[np.float64]
Indices = NDArray[np.intp]
Position = tuple[float, float]  # longitude, latitude

# The fence rows that cover a position, and a radius within which no edge of any fence lies.
Found = tuple[tuple[int, ...], float]
# Longitude and latitude of a cell's centre, the distance to the nearest edge there in degrees and on the
# Mercator plane, and the fence rows that cover it.
_Cell = tuple[float, float, float, float, tuple[int, ...]]


class FenceIndex:
    """Polygons and multipolygons in EPSG:4326, looked up by row number or by fence id."""

    def __init__(self, fence_ids: Sequence[int], shapes: Sequence[shapely.Geometry]) -> None:
        self.fence_ids = list(fence_ids)
        self.row_of = {fence_id: row for row, fence_id in enumerate(self.fence_ids)}
        self._shapes = np.array(shapes, dtype=object)
        shapely.prepare(self._shapes)
        self._covers = shapely.STRtree(self._shapes)
        flat = shapely.transform(self._shapes, _mercator) if len(self._shapes) else self._shapes
        self._edges = shapely.boundary(flat)
        self._nearest_flat = shapely.STRtree(_around_the_world(self._edges))
        self._nearest_degrees = shapely.STRtree(shapely.boundary(self._shapes))
        self._cells: dict[int, _Cell] = {}
        self.radius_m = _effective_radius_m(flat, self._shapes)

    def __len__(self) -> int:
        return len(self.fence_ids)

    def look_up(self, positions: Sequence[Position]) -> list[Found]:
        """For each position the rows of the fences that cover it, edges included, and a quiet radius.

        The radius (metres, at most `FURTHEST_EDGE_M`) is a lower bound, short of the true distance to
        the nearest edge by up to a cell's diagonal (triangle inequality).
        """
        if not self.fence_ids:
            return [((), FURTHEST_EDGE_M)] * len(positions)
        placed = [_placed(lon, lat) for lon, lat in positions]
        cells = self._cells
        if len(cells) > MOST_CELLS:
            cells.clear()
        missing = {column * _ROWS_OF_CELLS + row: (column, row) for column, row, _ in placed}
        missing = {key: cell for key, cell in missing.items() if key not in cells}
        if missing:
            self._learn(missing)
        found: list[Found] = []
        near_an_edge: list[int] = []
        for number, ((lon, lat), (column, row, away)) in enumerate(zip(positions, placed, strict=True)):
            centre_lon, centre_lat, edge_degrees, edge_flat, rows = cells[column * _ROWS_OF_CELLS + row]
            if hypot(lon - centre_lon, lat - centre_lat) + ROUNDING_DEG >= edge_degrees:
                near_an_edge.append(number)
            quiet_m = (edge_flat - away) * cos(radians(lat))
            found.append((rows, min(max(quiet_m, 0.0), FURTHEST_EDGE_M)))
        if near_an_edge:
            lon_lat = np.array([positions[number] for number in near_an_edge])
            for number, rows in zip(near_an_edge, self._covering(lon_lat), strict=True):
                found[number] = (rows, found[number][1])
        return found

    def edge_distances_m(self, lon: Degrees, lat: Degrees, rows: Indices) -> Metres:
        """Unsigned distance from each position to the edge of the fence in the same place of `rows`."""
        points = shapely.points(_mercator(np.column_stack((lon, lat))))
        metres: Metres = shapely.distance(points, self._edges[rows])
        return metres * np.cos(np.radians(lat))

    def _covering(self, lon_lat: Degrees) -> list[tuple[int, ...]]:
        """By the predicate itself: for each position the rows of the fences that cover it."""
        positions, rows = self._covers.query(shapely.points(lon_lat))
        hits = shapely.intersects_xy(self._shapes[rows], lon_lat[positions, 0], lon_lat[positions, 1])
        covering: list[list[int]] = [[] for _ in lon_lat]
        for position, row in zip(positions[hits].tolist(), rows[hits].tolist(), strict=True):
            covering[position].append(row)
        return [tuple(each) for each in covering]

    def _learn(self, missing: Mapping[int, tuple[int, int]]) -> None:
        """Find out what holds at the centres of these cells (column, row)."""
        flat = (np.array(list(missing.values())) + 0.5) * CELL
        x, y = (flat / EARTH_RADIUS_M).T
        lon_lat = np.degrees(np.column_stack((x, np.arctan(np.sinh(y)))))
        _, edge_flat = self._nearest_flat.query_nearest(
            shapely.points(flat), return_distance=True, all_matches=False
        )
        _, edge_degrees = self._nearest_degrees.query_nearest(
            shapely.points(lon_lat), return_distance=True, all_matches=False
        )
        learnt = zip(
            lon_lat[:, 0].tolist(),
            lon_lat[:, 1].tolist(),
            edge_degrees.tolist(),
            edge_flat.tolist(),
            self._covering(lon_lat),
            strict=True,
        )
        self._cells.update(zip(missing, learnt, strict=True))


def _placed(lon: float, lat: float) -> tuple[int, int, float]:
    """Column and row of the position's cell, and how far it is from the centre on the Mercator plane."""
    x = radians(lon) * EARTH_RADIUS_M
    y = atanh(sin(radians(min(max(lat, -_HIGHEST_LAT), _HIGHEST_LAT)))) * EARTH_RADIUS_M
    column, row = floor(x / CELL), floor(y / CELL)
    return column, row, hypot(x - (column + 0.5) * CELL, y - (row + 0.5) * CELL)


def _around_the_world(edges: NDArray[np.object_]) -> NDArray[np.object_]:
    """The edges, and those near the date line once more, where they are seen from its other side."""
    if not len(edges):
        return edges
    date_line = np.pi * EARTH_RADIUS_M
    turn = np.array([2 * date_line, 0.0])
    west, _, east, _ = shapely.bounds(edges).T
    to_the_east = shapely.transform(edges[west < SEEN_ACROSS - date_line], lambda flat: flat + turn)
    to_the_west = shapely.transform(edges[east > date_line - SEEN_ACROSS], lambda flat: flat - turn)
    return np.concatenate([edges, to_the_east, to_the_west])


def _mercator(lon_lat: NDArray[np.float64]) -> NDArray[np.float64]:
    lon, lat = np.radians(lon_lat[:, 0]), np.radians(np.clip(lon_lat[:, 1], -_HIGHEST_LAT, _HIGHEST_LAT))
    return np.column_stack((lon, np.arctanh(np.sin(lat)))) * EARTH_RADIUS_M


def _effective_radius_m(flat: NDArray[np.object_], shapes: NDArray[np.object_]) -> Metres:
    """Radius of the circle with the fence's area: the one size the crossing rules ask for."""
    if not len(shapes):
        return np.empty(0)
    shrink = np.cos(np.radians(shapely.get_y(shapely.centroid(shapes))))
    radius: Metres = np.sqrt(shapely.area(flat) / np.pi) * shrink
    return radius
