"""The fence index: which fences cover a position, and how far the edges are, for whole batches.

Inside and outside are decided on longitude and latitude with the very predicate PostGIS uses
(`ST_Covers` on EPSG:4326: planar, edges included), so index and database cannot disagree.
Distances are measured on the spherical Mercator plane, which is conformal: times the cosine of
the latitude they are metres, wrong by less than one part in a thousand within a few kilometres.

The index is immutable; an edit builds a new one. It knows nothing of offers or retailers.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

EARTH_RADIUS_M: Final = 6_371_008.8  # mean radius, IUGG
FURTHEST_EDGE_M: Final = 2_000.0
CELL: Final = 64.0  # side of a cell on the Mercator plane: 64 m at the equator, 32 m at 60° north
MOST_CELLS: Final = 500_000
SEEN_ACROSS: Final = 50_000.0  # on the Mercator plane: more than FURTHEST_EDGE_M up to 87° north

Degrees = NDArray[np.float64]
Metres = NDArray[np.float64]
Indices = NDArray[np.intp]


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
        self._nearest = shapely.STRtree(_around_the_world(self._edges))
        self._from_cell_centre: dict[int, float] = {}
        self.radius_m = _effective_radius_m(flat, self._shapes)

    def __len__(self) -> int:
        return len(self.fence_ids)

    def covering(self, lon: Degrees, lat: Degrees) -> tuple[Indices, Indices]:
        """Pairs (position, fence row) where the fence covers the position, edges included."""
        if not len(self._shapes):
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
        positions, rows = self._covers.query(shapely.points(lon, lat))
        hits = shapely.intersects_xy(self._shapes[rows], lon[positions], lat[positions])
        return positions[hits], rows[hits]

    def edge_distances_m(self, lon: Degrees, lat: Degrees, rows: Indices) -> Metres:
        """Unsigned distance from each position to the edge of the fence in the same place of `rows`."""
        metres: Metres = shapely.distance(_mercator_points(lon, lat), self._edges[rows])
        return metres * np.cos(np.radians(lat))

    def quiet_radii_m(self, lon: Degrees, lat: Degrees) -> list[float]:
        """For each position a radius within which no edge of any fence lies, at most `FURTHEST_EDGE_M`.

        A lower bound, short of the true distance by up to a cell's diagonal: the distance is
        measured once from the centre of the position's cell and kept, and the way from there to
        the position is taken off (triangle inequality).
        """
        if not len(self._shapes):
            return [FURTHEST_EDGE_M] * len(lon)
        flat = _mercator(np.column_stack((lon, lat)))
        cells = np.floor(flat / CELL)
        centres = (cells + 0.5) * CELL
        keys: list[int] = (cells[:, 0] * 4_194_304 + cells[:, 1]).astype(np.int64).tolist()
        known = self._from_cell_centre
        missing = [position for position, key in enumerate(keys) if key not in known]
        if missing:
            self._measure([keys[position] for position in missing], centres[missing])
        away = np.hypot(flat[:, 0] - centres[:, 0], flat[:, 1] - centres[:, 1])
        shrink = np.cos(np.radians(lat))
        bounds = (np.array([known[key] for key in keys]) - away) * shrink
        radii: list[float] = np.clip(bounds, 0.0, FURTHEST_EDGE_M).tolist()
        return radii

    def _measure(self, keys: list[int], centres: NDArray[np.float64]) -> None:
        if len(self._from_cell_centre) > MOST_CELLS:
            self._from_cell_centre.clear()
        (_, _), distances = self._nearest.query_nearest(
            shapely.points(centres), return_distance=True, all_matches=False
        )
        self._from_cell_centre.update(zip(keys, distances.tolist(), strict=True))


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
    lon, lat = np.radians(lon_lat[:, 0]), np.radians(np.clip(lon_lat[:, 1], -89.5, 89.5))
    return np.column_stack((lon, np.arctanh(np.sin(lat)))) * EARTH_RADIUS_M


def _mercator_points(lon: Degrees, lat: Degrees) -> NDArray[np.object_]:
    return np.asarray(shapely.points(_mercator(np.column_stack((lon, lat)))), dtype=object)


def _effective_radius_m(flat: NDArray[np.object_], shapes: NDArray[np.object_]) -> Metres:
    """Radius of the circle with the fence's area: the one size the crossing rules ask for."""
    if not len(shapes):
        return np.empty(0)
    shrink = np.cos(np.radians(shapely.get_y(shapely.centroid(shapes))))
    radius: Metres = np.sqrt(shapely.area(flat) / np.pi) * shrink
    return radius
