"""Fences: their queries and edits, one retailer's at a time.

Every change raises the fence's `revision`; a new shape is noted in `shape_revision`, which tells phones'
states to begin anew and workers to read it again. Saying the same once more raises nothing. Shapes are
judged by `geo.geojson`; active hours at the edge, since the parser of hours belongs to `offers`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from geoalchemy2.shape import from_shape, to_shape
from shapely import MultiPolygon, Point, Polygon
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Fault, NotFound
from geo.geojson import Position, looks_swapped
from geo.names import FENCES, keep_names
from geo.places import (
    Written,
    external_id_faults,
    moment_faults,
    name_faults,
    per_statement,
    tags_faults,
    written_of,
)
from geo.shapes import Shape
from geo.tables import Fence, is_one_of, position_in
from geo.taken import given_once

SHORTEST_DWELL_S, LONGEST_DWELL_S = 30, 86_400
LONGEST_RETRIGGER_S = 31_536_000
_EXTERNAL_ID: Final = "properties.external_id"

_UPSERT: Final = text("""
INSERT INTO fences (retailer_id, external_id, created_at, updated_at, name, site_id, shape, centre,
                    radius_m, tags, dwell_s, retrigger_s, active_hours, starts_at, disabled_at)
SELECT :retailer_id, e.external_id, :now, :now, e.name, e.site_id,
       ST_GeomFromWKB(decode(e.shape, 'hex'), 4326), ST_SetSRID(ST_MakePoint(e.lon, e.lat), 4326),
       e.radius_m, e.tags, e.dwell_s, e.retrigger_s, e.active_hours, e.starts_at, e.disabled_at
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    external_id text, name text, site_id bigint, shape text, lon double precision,
    lat double precision, radius_m double precision, tags text[], dwell_s integer,
    retrigger_s integer, active_hours text, starts_at timestamptz, disabled_at timestamptz)
ON CONFLICT (retailer_id, external_id) DO UPDATE SET
    name = excluded.name, site_id = excluded.site_id, shape = excluded.shape,
    centre = excluded.centre, radius_m = excluded.radius_m, tags = excluded.tags,
    dwell_s = excluded.dwell_s, retrigger_s = excluded.retrigger_s,
    active_hours = excluded.active_hours, starts_at = excluded.starts_at,
    disabled_at = excluded.disabled_at, revision = fences.revision + 1,
    shape_revision = CASE WHEN fences.shape IS DISTINCT FROM excluded.shape
                          THEN fences.revision + 1 ELSE fences.shape_revision END,
    updated_at = excluded.updated_at
WHERE (fences.name, fences.site_id, fences.shape, fences.centre, fences.radius_m, fences.tags,
       fences.dwell_s, fences.retrigger_s, fences.active_hours, fences.starts_at, fences.disabled_at)
      IS DISTINCT FROM
      (excluded.name, excluded.site_id, excluded.shape, excluded.centre, excluded.radius_m,
       excluded.tags, excluded.dwell_s, excluded.retrigger_s, excluded.active_hours,
       excluded.starts_at, excluded.disabled_at)
RETURNING (xmax = 0) AS is_created, fences.external_id
""")


class FenceEdit(msgspec.Struct, frozen=True, kw_only=True):
    """All that a retailer says about a fence. Durations in seconds, times aware.

    A tag may be said twice, and is kept once.
    """

    shape: Shape
    name: str
    external_id: str | None = None
    site_id: int | None = None
    tags: tuple[str, ...] = ()
    dwell_s: int = 180
    retrigger_s: int = 0
    active_hours: str | None = None
    starts_at: datetime | None = None
    disabled_at: datetime | None = None


def faults_of(edit: FenceEdit, sites: Mapping[int, Position], at: str = "") -> list[Fault]:
    """What is wrong with it beyond its shape; `sites` are the retailer's own, with their positions.

    `at` is written before every field name.
    """
    faults = [
        *name_faults(edit.name, f"{at}properties.name"),
        *external_id_faults(edit.external_id, f"{at}properties.external_id"),
        *tags_faults(edit.tags, f"{at}properties.tags"),
        *moment_faults(edit.starts_at, f"{at}properties.starts_at"),
        *moment_faults(edit.disabled_at, f"{at}properties.disabled_at"),
    ]
    if not SHORTEST_DWELL_S <= edit.dwell_s <= LONGEST_DWELL_S:
        faults.append(
            Fault(f"{at}properties.dwell_s", f"must be {SHORTEST_DWELL_S} to {LONGEST_DWELL_S} seconds")
        )
    if not 0 <= edit.retrigger_s <= LONGEST_RETRIGGER_S:
        faults.append(Fault(f"{at}properties.retrigger_s", f"must be 0 to {LONGEST_RETRIGGER_S} seconds"))
    if edit.starts_at and edit.disabled_at and edit.disabled_at <= edit.starts_at:
        faults.append(Fault(f"{at}properties.disabled_at", "must be after starts_at"))
    if edit.site_id is not None:
        faults += _site_faults(edit, sites.get(edit.site_id), at)
    return faults


def _site_faults(edit: FenceEdit, site: Position | None, at: str) -> list[Fault]:
    if site is None:
        return [Fault(f"{at}properties.site_id", "there is no such site")]
    if looks_swapped(*_middle(edit.shape), near=site):
        return [Fault(f"{at}geometry.coordinates", "far from its site; longitude comes first, then latitude")]
    return []


async def create_fence(session: AsyncSession, retailer_id: int, edit: FenceEdit, now: datetime) -> Fence:
    """Write a new one. Conflict for an `external_id` that is taken."""
    fence = Fence(retailer_id=retailer_id, created_at=now, updated_at=now, **_columns(edit))
    session.add(fence)
    with given_once(_EXTERNAL_ID):
        await session.flush()
    await session.refresh(fence)
    return fence


async def edit_fence(session: AsyncSession, fence: Fence, edit: FenceEdit, now: datetime) -> bool:
    """Make it what `edit` says; the fence was read for update. False if it said so already.

    Conflict for an `external_id` that is taken.
    """
    said = _columns(edit)
    if shape_of(fence) == edit.shape:
        said = {name: value for name, value in said.items() if name not in {"shape", "centre", "radius_m"}}
    changed = {name: value for name, value in said.items() if getattr(fence, name) != value}
    if not changed:
        return False
    for name, value in changed.items():
        setattr(fence, name, value)
    fence.revision += 1
    if "shape" in changed:
        fence.shape_revision = fence.revision
    fence.updated_at = now
    with given_once(_EXTERNAL_ID):
        await session.flush()
    return True


async def write_fences(
    session: AsyncSession, retailer_id: int, edits: Sequence[FenceEdit], now: datetime
) -> Written:
    """Create or replace by `external_id`, which all have and no two share; a few thousand a statement."""
    kept = await keep_names(session, FENCES, retailer_id, {edit.external_id or "" for edit in edits}, now)
    created = dict.fromkeys(kept, False)
    for few in per_statement(edits):
        rows = msgspec.json.encode([_import_row(edit) for edit in few]).decode()
        answer = await session.execute(_UPSERT, {"retailer_id": retailer_id, "rows": rows, "now": now})
        created |= {row.external_id: row.is_created for row in answer}
    return written_of(list(created.values()), len(edits))


async def fence_of(
    session: AsyncSession, retailer_id: int, fence_id: int, *, for_update: bool = False
) -> Fence:
    query = select(Fence).where(Fence.retailer_id == retailer_id, Fence.fence_id == fence_id)
    fence = (await session.scalars(query.with_for_update() if for_update else query)).one_or_none()
    if fence is None:
        raise NotFound(f"There is no fence {fence_id}.")
    return fence


async def list_fences(
    session: AsyncSession,
    retailer_id: int,
    *,
    after_id: int,
    limit: int,
    site_id: int | None = None,
    external_id: str | None = None,
) -> Sequence[Fence]:
    """In the order of their ids, those after `after_id`."""
    query = select(Fence).where(Fence.retailer_id == retailer_id, Fence.fence_id > after_id)
    if site_id is not None:
        query = query.where(Fence.site_id == site_id)
    if external_id is not None:
        query = query.where(Fence.external_id == external_id)
    return (await session.scalars(query.order_by(Fence.fence_id).limit(limit))).all()


async def hold_fences(session: AsyncSession, retailer_id: int, fence_ids: Collection[int]) -> set[int]:
    """Which of these exist and are this retailer's; none can be deleted until the commit."""
    own = select(Fence.fence_id).where(Fence.retailer_id == retailer_id, is_one_of(Fence.fence_id, fence_ids))
    locked = own.order_by(Fence.fence_id).with_for_update(read=True, key_share=True)
    return set((await session.scalars(locked)).all())


async def fences_on(session: AsyncSession, retailer_id: int, site_id: int) -> Sequence[int]:
    """The fences that would go with a site, locked for that."""
    on_site = select(Fence.fence_id).where(Fence.retailer_id == retailer_id, Fence.site_id == site_id)
    return (await session.scalars(on_site.order_by(Fence.fence_id).with_for_update())).all()


def shape_of(fence: Fence) -> Shape:
    polygon = to_shape(fence.shape)
    if not isinstance(polygon, Polygon | MultiPolygon):
        raise TypeError(f"fence {fence.fence_id} is a {polygon.geom_type}")
    if fence.centre is None:
        return Shape(polygon=polygon)
    return Shape(polygon=polygon, centre=position_in(fence.centre), radius_m=fence.radius_m)


def _columns(edit: FenceEdit) -> dict[str, Any]:
    shape = edit.shape
    return {
        "external_id": edit.external_id,
        "name": edit.name,
        "site_id": edit.site_id,
        "shape": from_shape(shape.polygon, srid=4326),
        "centre": None if shape.centre is None else from_shape(Point(shape.centre), srid=4326),
        "radius_m": shape.radius_m,
        "tags": list(dict.fromkeys(edit.tags)),
        "dwell_s": edit.dwell_s,
        "retrigger_s": edit.retrigger_s,
        "active_hours": edit.active_hours,
        "starts_at": edit.starts_at,
        "disabled_at": edit.disabled_at,
    }


def _import_row(edit: FenceEdit) -> dict[str, Any]:
    lon, lat = edit.shape.centre or (None, None)
    said = {name: getattr(edit, name) for name in edit.__struct_fields__ if name != "shape"}
    return {
        **said,
        "tags": list(dict.fromkeys(edit.tags)),
        "shape": edit.shape.wkb.hex(),
        "lon": lon,
        "lat": lat,
        "radius_m": edit.shape.radius_m,
    }


def _middle(shape: Shape) -> Position:
    west, south, east, north = shape.polygon.bounds
    return (west + east) / 2, (south + north) / 2
