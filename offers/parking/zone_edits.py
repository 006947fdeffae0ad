"""Zones as their operators write them: queries and edits, one operator's at a time.

As with fences, every change raises the zone's `revision`, a new shape is noted in `shape_revision`, and
saying the same once more raises nothing. A zone is known by its public code. Shapes are judged by
`geo.geojson` and `geo.kerbs`; hours of restrictions at the edge.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import shapely
from geoalchemy2.shape import from_shape, to_shape
from shapely import LineString, MultiLineString, MultiPolygon, Polygon
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Fault, NotFound
from geo.kerbs import Kerb
from geo.places import (
    Written,
    name_faults,
    per_statement,
    time_zone_faults,
    written_of,
)
from geo.shapes import Shape
from geo.tables import is_one_of
from geo.taken import given_once
from offers.parking.codes import code_faults, code_key_of
from offers.parking.restrictions import Restriction, restriction_faults
from offers.parking.tables import ZoneRow
from offers.people.customers import is_country

MOST_SPACES: Final = 100_000

_UPSERT: Final = text("""
INSERT INTO parking_zones (retailer_id, code, code_key, name, shape, kerb, buffer_m, time_zone, country,
                           capacity, tariff_id, restrictions, created_at, updated_at)
SELECT :retailer_id, e.code, e.code_key, e.name, ST_GeomFromWKB(decode(e.shape, 'hex'), 4326),
       ST_GeomFromWKB(decode(e.kerb, 'hex'), 4326), e.buffer_m, e.time_zone, e.country, e.capacity,
       e.tariff_id, e.restrictions, :now, :now
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    code text, code_key text, name text, shape text, kerb text, buffer_m double precision,
    time_zone text, country text, capacity integer, tariff_id bigint, restrictions jsonb)
ON CONFLICT (retailer_id, code_key) DO UPDATE SET
    code = excluded.code, name = excluded.name, shape = excluded.shape, kerb = excluded.kerb,
    buffer_m = excluded.buffer_m, time_zone = excluded.time_zone, country = excluded.country,
    capacity = excluded.capacity, tariff_id = excluded.tariff_id, restrictions = excluded.restrictions,
    revision = parking_zones.revision + 1,
    shape_revision = CASE WHEN parking_zones.shape IS DISTINCT FROM excluded.shape
                          THEN parking_zones.revision + 1 ELSE parking_zones.shape_revision END,
    updated_at = excluded.updated_at
WHERE (parking_zones.code, parking_zones.name, parking_zones.shape, parking_zones.kerb,
       parking_zones.buffer_m, parking_zones.time_zone, parking_zones.country, parking_zones.capacity,
       parking_zones.tariff_id, parking_zones.restrictions)
      IS DISTINCT FROM
      (excluded.code, excluded.name, excluded.shape, excluded.kerb, excluded.buffer_m,
       excluded.time_zone, excluded.country, excluded.capacity, excluded.tariff_id,
       excluded.restrictions)
RETURNING (xmax = 0) AS is_created
""")


class ZoneEdit(msgspec.Struct, frozen=True, kw_only=True):
    """All that an operator says about a zone; `kerb` and `buffer_m` where it was drawn as a line."""

    code: str
    name: str
    shape: Shape
    time_zone: str
    country: str
    kerb: Kerb | None = None
    buffer_m: float | None = None
    capacity: int | None = None
    tariff_id: int | None = None
    restrictions: tuple[Restriction, ...] = ()


def faults_of(edit: ZoneEdit, at: str = "") -> list[Fault]:
    """What is wrong with it beyond its shape; `at` is written before every field name."""
    at = f"{at}properties."
    faults = [
        *code_faults(edit.code, f"{at}code"),
        *name_faults(edit.name, f"{at}name"),
        *time_zone_faults(edit.time_zone, f"{at}time_zone"),
        *restriction_faults(edit.restrictions, f"{at}restrictions"),
    ]
    if not is_country(edit.country):
        wanted = "must be a country's two capital letters such as FR (ISO 3166)"
        faults.append(Fault(f"{at}country", wanted))
    if edit.capacity is not None and not 1 <= edit.capacity <= MOST_SPACES:
        faults.append(Fault(f"{at}capacity", f"must be 1 to {MOST_SPACES}"))
    return faults


async def create_zone(session: AsyncSession, retailer_id: int, edit: ZoneEdit, now: datetime) -> ZoneRow:
    """Write a new one. Conflict for a code that is taken."""
    zone = ZoneRow(retailer_id=retailer_id, created_at=now, updated_at=now, **_columns(edit))
    session.add(zone)
    with given_once("properties.code"):
        await session.flush()
    await session.refresh(zone)
    return zone


async def edit_zone(session: AsyncSession, zone: ZoneRow, edit: ZoneEdit, now: datetime) -> bool:
    """Make it what `edit` says; the zone was read for update. False if it said so already.

    Conflict for a code that is taken.
    """
    said = _columns(edit)
    if shape_of(zone) == edit.shape and kerb_of(zone) == edit.kerb:
        said = {name: value for name, value in said.items() if name not in {"shape", "kerb"}}
    changed = {name: value for name, value in said.items() if getattr(zone, name) != value}
    if not changed:
        return False
    for name, value in changed.items():
        setattr(zone, name, value)
    zone.revision += 1
    if "shape" in changed:
        zone.shape_revision = zone.revision
    zone.updated_at = now
    with given_once("properties.code"):
        await session.flush()
    return True


async def write_zones(
    session: AsyncSession, retailer_id: int, edits: Sequence[ZoneEdit], now: datetime
) -> Written:
    """Create or replace by code, which no two share; a few thousand a statement, in the order of codes."""
    created: list[bool] = []
    for few in per_statement(edits):
        rows = msgspec.json.encode([_import_row(edit) for edit in few]).decode()
        answer = await session.execute(_UPSERT, {"retailer_id": retailer_id, "rows": rows, "now": now})
        created += [row.is_created for row in answer]
    return written_of(created, len(edits))


async def zone_of(
    session: AsyncSession, retailer_id: int, zone_id: int, *, for_update: bool = False
) -> ZoneRow:
    query = select(ZoneRow).where(ZoneRow.retailer_id == retailer_id, ZoneRow.zone_id == zone_id)
    zone = (await session.scalars(query.with_for_update() if for_update else query)).one_or_none()
    if zone is None:
        raise NotFound(f"There is no parking zone {zone_id}.")
    return zone


async def list_zones(
    session: AsyncSession,
    retailer_id: int,
    *,
    after_id: int,
    limit: int,
    code: str | None = None,
    tariff_id: int | None = None,
) -> Sequence[ZoneRow]:
    """In the order of their ids, those after `after_id`."""
    query = select(ZoneRow).where(ZoneRow.retailer_id == retailer_id, ZoneRow.zone_id > after_id)
    if code is not None:
        query = query.where(ZoneRow.code_key == code_key_of(code))
    if tariff_id is not None:
        query = query.where(ZoneRow.tariff_id == tariff_id)
    return (await session.scalars(query.order_by(ZoneRow.zone_id).limit(limit))).all()


def shape_of(zone: ZoneRow) -> Shape:
    polygon = to_shape(zone.shape)
    if not isinstance(polygon, Polygon | MultiPolygon):
        raise TypeError(f"parking zone {zone.zone_id} is a {polygon.geom_type}")
    return Shape(polygon=polygon)


def kerb_of(zone: ZoneRow) -> Kerb | None:
    if zone.kerb is None:
        return None
    kerb = to_shape(zone.kerb)
    if not isinstance(kerb, LineString | MultiLineString):
        raise TypeError(f"the kerb of parking zone {zone.zone_id} is a {kerb.geom_type}")
    return kerb


def _columns(edit: ZoneEdit) -> dict[str, Any]:
    return {
        **_plain(edit),
        "shape": from_shape(edit.shape.polygon, srid=4326),
        "kerb": None if edit.kerb is None else from_shape(edit.kerb, srid=4326),
    }


def _import_row(edit: ZoneEdit) -> Mapping[str, Any]:
    kerb = None if edit.kerb is None else bytes(shapely.to_wkb(edit.kerb)).hex()
    return {**_plain(edit), "shape": edit.shape.wkb.hex(), "kerb": kerb}


def _plain(edit: ZoneEdit) -> dict[str, Any]:
    """What is no geometry."""
    same = ("code", "name", "buffer_m", "time_zone", "country", "capacity", "tariff_id")
    return {
        **{name: getattr(edit, name) for name in same},
        "code_key": code_key_of(edit.code),
        "restrictions": msgspec.to_builtins(list(edit.restrictions)),
    }


async def ids_of_zones(session: AsyncSession, retailer_id: int, code_keys: Collection[str]) -> dict[str, int]:
    """By folded code, of the operator's own; a code that is none's is left out."""
    query = select(ZoneRow.code_key, ZoneRow.zone_id).where(
        ZoneRow.retailer_id == retailer_id, is_one_of(ZoneRow.code_key, code_keys)
    )
    return {row[0]: row[1] for row in await session.execute(query)} if code_keys else {}
