"""Which fences a shape overlaps, and how many lie within reach: asked of PostGIS, by its spatial index.

The shape need not be one that is saved. Of other retailers' fences only a number in full tens is told,
so that shapes drawn for the purpose do not find out where each of them lies.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.fence_lint import REACH_M, Overlap
from geo.shapes import Shape, metres_per_degree

MOST_OVERLAPS: Final = 200
MOST_NEARBY: Final = 1_000
OTHERS_TOLD_BY: Final = 10
# Less than this part of either fence is a common edge, or a rounding.
LEAST_SHARE: Final = 0.005

# MATERIALIZED: the limit bounds what the exact geometry may cost, whatever is drawn.
_OVERLAPS: Final = text("""
WITH asked AS (SELECT ST_GeomFromWKB(:shape, 4326) AS shape),
near AS MATERIALIZED (
    SELECT f.fence_id, f.shape FROM fences f, asked a
    WHERE f.retailer_id = :retailer_id AND f.fence_id <> :without AND f.shape && a.shape
      AND ST_Intersects(f.shape, a.shape)
      AND (CAST(:now AS timestamptz) IS NULL OR f.disabled_at IS NULL OR f.disabled_at > :now)
    LIMIT :most
),
measured AS (
    SELECT n.fence_id, ST_Area(ST_Intersection(n.shape, a.shape)) AS common,
           ST_Area(a.shape) AS this, ST_Area(n.shape) AS other
    FROM near n, asked a
)
SELECT fence_id, least(common / this, 1) AS share_of_this, least(common / other, 1) AS share_of_other
FROM measured WHERE common >= :least * least(this, other)
ORDER BY greatest(common / this, common / other) DESC, fence_id LIMIT :told
""")
_NEARBY: Final = text("""
WITH asked AS (SELECT ST_GeomFromWKB(:shape, 4326) AS shape),
near AS MATERIALIZED (
    SELECT f.retailer_id, f.shape FROM fences f, asked a
    WHERE f.fence_id <> :without AND f.shape && ST_Expand(a.shape, :lon, :lat)
      AND (f.disabled_at IS NULL OR f.disabled_at > :now)
    LIMIT :most
)
SELECT count(*) FILTER (WHERE n.retailer_id = :retailer_id) AS own,
       count(*) FILTER (WHERE n.retailer_id <> :retailer_id) AS others
FROM near n, asked a WHERE ST_DWithin(CAST(n.shape AS geography), CAST(a.shape AS geography), :reach_m)
""")


async def overlaps_of(
    session: AsyncSession,
    retailer_id: int,
    shape: Shape,
    *,
    without: int | None = None,
    now: datetime | None = None,
) -> Sequence[Overlap]:
    """The retailer's fences that overlap the shape, the most alike first; with `now`, none that is over.

    Shares of area are taken in degrees: both shapes lie at the same latitude, so that cancels out.
    """
    rows = await session.execute(
        _OVERLAPS,
        {
            **_asked(retailer_id, shape, without),
            "now": now,
            "most": MOST_NEARBY,
            "told": MOST_OVERLAPS,
            "least": LEAST_SHARE,
        },
    )
    return [
        Overlap(
            fence_id=row.fence_id,
            share_of_this=round(row.share_of_this, 4),
            share_of_other=round(row.share_of_other, 4),
        )
        for row in rows
    ]


async def nearby_of(
    session: AsyncSession, retailer_id: int, shape: Shape, now: datetime, *, without: int | None = None
) -> tuple[int, int]:
    """(own, others') fences whose edge or ground is within `REACH_M`; others' in full tens, rounded down."""
    _, south, _, north = shape.polygon.bounds
    metres_per_lon, metres_per_lat = metres_per_degree(max(abs(south), abs(north)))
    expanded = {"lon": REACH_M / metres_per_lon, "lat": REACH_M / metres_per_lat, "reach_m": REACH_M}
    asked = {**_asked(retailer_id, shape, without), **expanded, "now": now, "most": MOST_NEARBY}
    row = (await session.execute(_NEARBY, asked)).one()
    return row.own, row.others // OTHERS_TOLD_BY * OTHERS_TOLD_BY


def _asked(retailer_id: int, shape: Shape, without: int | None) -> dict[str, Any]:
    return {"retailer_id": retailer_id, "shape": shape.wkb, "without": without or 0}
