"""Regions: the fences a phone's own operating system may watch, nearest edge first.

Owns the choice (a phone watches few: iOS 20, Android 100) and the circle that stands for a fence.
Which offers wait behind a fence is none of its business.
"""

import math
from datetime import datetime
from typing import Final, Literal

import asyncpg
import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import Fault, InvalidInput
from geo.index import EARTH_RADIUS_M
from geo.spots import Spot

MOST_REGIONS: Final = {"ios": 20, "android": 100}
# Below this both systems grow unreliable; a larger circle only wakes the phone a little early.
SMALLEST_CIRCLE_M: Final = 100.0
# Beyond this nothing is said about what is not listed.
FURTHEST_REFRESH_M: Final = 50_000.0
# Sphere for spheroid, chord for arc: half a percent covers both for fences up to 10 km.
_SAFETY: Final = 1.005
# The index walks by spherical distance, the answer is ranked on the spheroid: a few rows more than
# needed put right what the two see differently.
_SPARE: Final = 8

Platform = Literal["ios", "android"]

# The order of the index scan is the order of ranking: only the nearest rows are ever read.
_NEAREST: Final = """
    SELECT f.fence_id, f.site_id, f.retailer_id, f.name, f.dwell_s, f.revision, f.radius_m,
           ST_Y(f.centre) AS centre_lat, ST_X(f.centre) AS centre_lon, ST_AsBinary(f.shape) AS shape,
           ST_Distance(ST_Boundary(f.shape)::geography,
                       ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography) AS edge_distance_m,
           ST_Covers(f.shape, ST_SetSRID(ST_MakePoint($1, $2), 4326)) AS is_inside
    FROM fences AS f
    WHERE (f.starts_at IS NULL OR f.starts_at <= $3) AND (f.disabled_at IS NULL OR f.disabled_at > $3)
      AND NOT EXISTS (SELECT FROM sites AS s WHERE s.site_id = f.site_id AND s.sensitive IS NOT NULL)
      AND (SELECT r.stopped_at IS NULL FROM retailers AS r WHERE r.retailer_id = f.retailer_id)
    ORDER BY ST_Boundary(f.shape)::geography <-> ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography
    LIMIT $4
"""


class Circle(msgspec.Struct, frozen=True, kw_only=True):
    """A disc on the ground: centre in WGS 84 degrees."""

    lat: float
    lon: float
    radius_m: float


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A fence as a circle that encloses it. `edge_distance_m` is to the fence's own edge."""

    fence_id: int
    site_id: int | None
    retailer_id: int
    name: str
    circle: Circle
    edge_distance_m: float
    is_inside: bool
    dwell_s: int
    revision: int


class Regions(msgspec.Struct, frozen=True, kw_only=True):
    """What to watch. Inside `refresh` no edge of a fence that is not listed can be crossed, if it is exact.

    Not exact is a circle that had to be larger, since no phone watches one so small.
    """

    regions: tuple[Region, ...]
    refresh: Circle
    refresh_is_exact: bool


async def nearest_regions(
    connection: asyncpg.Connection, spot: Spot, *, platform: Platform, reserved: int, now: datetime
) -> Regions:
    """As many regions as the platform can watch, less `reserved`, by distance to the edge."""
    room = MOST_REGIONS[platform] - reserved
    if reserved < 0 or room < 1:
        reason = f"must be 0 to {MOST_REGIONS[platform] - 1} on {platform}"
        raise InvalidInput(f"reserved {reason}", faults=(Fault("reserved", reason),))
    rows = await connection.fetch(_NEAREST, spot.lon, spot.lat, now, room + _SPARE)
    rows.sort(key=lambda row: (row["edge_distance_m"], row["fence_id"]))
    unlisted_m = rows[room]["edge_distance_m"] / _SAFETY if len(rows) > room else FURTHEST_REFRESH_M
    radius_m = _down(min(max(unlisted_m, SMALLEST_CIRCLE_M), FURTHEST_REFRESH_M))
    return Regions(
        regions=tuple(_region(row) for row in rows[:room]),
        refresh=Circle(lat=spot.lat, lon=spot.lon, radius_m=radius_m),
        refresh_is_exact=radius_m <= unlisted_m,
    )


def enclosing_circle(shape: shapely.Geometry) -> Circle:
    """The smallest circle around a shape in degrees, in metres, and at least what phones can watch."""
    corners = shapely.get_coordinates(shape)
    shrink = math.cos(math.radians(float(corners[:, 1].mean())))
    plane = shapely.transform(shape, lambda lon_lat: lon_lat * [shrink, 1.0])
    centre = shapely.get_coordinates(shapely.centroid(shapely.minimum_bounding_circle(plane)))[0]
    lon, lat = float(centre[0]) / shrink, float(centre[1])
    radius_m = float(_ground_distances_m(lat, lon, corners).max()) * _SAFETY
    return Circle(lat=lat, lon=lon, radius_m=_up(max(radius_m, SMALLEST_CIRCLE_M)))


def _region(row: asyncpg.Record) -> Region:
    return Region(
        fence_id=row["fence_id"],
        site_id=row["site_id"],
        retailer_id=row["retailer_id"],
        name=row["name"],
        circle=_circle(row),
        edge_distance_m=round(row["edge_distance_m"], 1),
        is_inside=row["is_inside"],
        dwell_s=row["dwell_s"],
        revision=row["revision"],
    )


def _circle(row: asyncpg.Record) -> Circle:
    if row["radius_m"] is None:
        return enclosing_circle(shapely.from_wkb(bytes(row["shape"])))
    radius_m = _up(max(row["radius_m"] * _SAFETY, SMALLEST_CIRCLE_M))
    return Circle(lat=row["centre_lat"], lon=row["centre_lon"], radius_m=radius_m)


def _ground_distances_m(lat: float, lon: float, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distances (haversine) from one position to many."""
    lats, lons = np.radians(corners[:, 1]), np.radians(corners[:, 0])
    north, east = lats - math.radians(lat), lons - math.radians(lon)
    chord = np.sin(north / 2) ** 2 + math.cos(math.radians(lat)) * np.cos(lats) * np.sin(east / 2) ** 2
    distances: NDArray[np.float64] = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return distances


def _up(metres: float) -> float:
    return math.ceil(metres * 10) / 10


def _down(metres: float) -> float:
    return math.floor(metres * 10) / 10
