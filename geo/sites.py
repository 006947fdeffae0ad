"""Sites: places of business, written by `external_id`, read by their own id.

Every function sees one retailer's sites only; another's are NotFound, as if they were not there.
Opening hours are judged at the edge: the parser of hours belongs to `offers`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Fault, InvalidInput, NotFound
from geo.places import (
    Written,
    external_id_faults,
    kind_faults,
    name_faults,
    per_statement,
    tag_map_faults,
    time_zone_faults,
    written_of,
)
from geo.tables import Site, is_one_of, position_in

# What stands after /v1/sites/ and is no external id.
_ROUTES: Final = frozenset({"import", "export", "by-id"})

# Rows that say nothing new are left alone, so that repeating an import writes nothing.
_UPSERT: Final = text("""
INSERT INTO sites (retailer_id, external_id, name, kind, location, time_zone, opening_hours, tags,
                   attribution, created_at, updated_at)
SELECT :retailer_id, e.external_id, e.name, e.kind, ST_SetSRID(ST_MakePoint(e.lon, e.lat), 4326),
       e.time_zone, e.opening_hours, e.tags, e.attribution, :now, :now
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    external_id text, name text, kind text, lon double precision, lat double precision,
    time_zone text, opening_hours text, tags jsonb, attribution text)
ON CONFLICT (retailer_id, external_id) DO UPDATE SET
    name = excluded.name, kind = excluded.kind, location = excluded.location,
    time_zone = excluded.time_zone, opening_hours = excluded.opening_hours, tags = excluded.tags,
    attribution = excluded.attribution, updated_at = excluded.updated_at,
    revision = sites.revision + 1
WHERE (sites.name, sites.kind, sites.location, sites.time_zone, sites.opening_hours, sites.tags,
       sites.attribution)
      IS DISTINCT FROM (excluded.name, excluded.kind, excluded.location, excluded.time_zone,
       excluded.opening_hours, excluded.tags, excluded.attribution)
RETURNING (xmax = 0) AS is_created
""")


class SiteEdit(msgspec.Struct, frozen=True, kw_only=True):
    """All that a retailer says about a site. Degrees WGS 84; hours in OSM syntax; zone of IANA."""

    external_id: str
    name: str
    lon: float
    lat: float
    time_zone: str
    kind: str = "shop"
    opening_hours: str | None = None
    tags: dict[str, str] = {}
    attribution: str | None = None


def faults_of(edit: SiteEdit, at: str = "") -> list[Fault]:
    """What is wrong with it; `at` is written before every field name."""
    faults = [
        *external_id_faults(edit.external_id, f"{at}external_id"),
        *_address_faults(edit.external_id, f"{at}external_id"),
        *name_faults(edit.name, f"{at}name"),
        *kind_faults(edit.kind, f"{at}kind"),
        *time_zone_faults(edit.time_zone, f"{at}time_zone"),
        *tag_map_faults(edit.tags, f"{at}tags"),
    ]
    if not -180 <= edit.lon <= 180:
        faults.append(Fault(f"{at}lon", "must be between -180 and 180"))
    if not -90 <= edit.lat <= 90:
        faults.append(Fault(f"{at}lat", "must be between -90 and 90"))
    if edit.attribution is not None:
        faults += name_faults(edit.attribution, f"{at}attribution")
    return faults


def _address_faults(external_id: str, field: str) -> list[Fault]:
    """Of an id that could not stand in `/v1/sites/{external_id}`: clients resolve dots, routes come first."""
    parts = external_id.split("/")
    if {".", ".."} & set(parts):
        return [Fault(field, "must not have . or .. between slashes")]
    if parts[0] in _ROUTES:
        return [Fault(field, f"must not begin with {parts[0]}, which is an address of the API")]
    return []


async def write_sites(
    session: AsyncSession, retailer_id: int, edits: Sequence[SiteEdit], now: datetime
) -> Written:
    """Create or replace by `external_id`, which all have and no two share; a few thousand a statement."""
    created: list[bool] = []
    for few in per_statement(edits):
        rows = msgspec.json.encode(few).decode()
        answer = await session.execute(_UPSERT, {"retailer_id": retailer_id, "rows": rows, "now": now})
        created += [row.is_created for row in answer]
    return written_of(created, len(edits))


async def put_site(
    session: AsyncSession, retailer_id: int, edit: SiteEdit, now: datetime
) -> tuple[Site, Written]:
    """Create or replace one. Raises InvalidInput."""
    if faults := faults_of(edit):
        raise InvalidInput("The site cannot be used.", faults=tuple(faults))
    written = await write_sites(session, retailer_id, [edit], now)
    query = select(Site).where(Site.retailer_id == retailer_id, Site.external_id == edit.external_id)
    return (await session.scalars(query)).one(), written


async def revision_of_site(session: AsyncSession, retailer_id: int, external_id: str) -> int | None:
    """The revision of the site with this id, which nobody else changes until the commit; None without one."""
    query = select(Site.revision).where(Site.retailer_id == retailer_id, Site.external_id == external_id)
    revision: int | None = await session.scalar(query.with_for_update())
    return revision


async def site_of(session: AsyncSession, retailer_id: int, site_id: int, *, for_update: bool = False) -> Site:
    query = select(Site).where(Site.retailer_id == retailer_id, Site.site_id == site_id)
    site = (await session.scalars(query.with_for_update() if for_update else query)).one_or_none()
    if site is None:
        raise NotFound(f"There is no site {site_id}.")
    return site


async def list_sites(
    session: AsyncSession, retailer_id: int, *, after_id: int, limit: int, external_id: str | None = None
) -> Sequence[Site]:
    """In the order of their ids, those after `after_id`."""
    query = select(Site).where(Site.retailer_id == retailer_id, Site.site_id > after_id)
    if external_id is not None:
        query = query.where(Site.external_id == external_id)
    return (await session.scalars(query.order_by(Site.site_id).limit(limit))).all()


async def positions_of_sites(
    session: AsyncSession, retailer_id: int, site_ids: Collection[int]
) -> dict[int, tuple[float, float]]:
    """(longitude, latitude) of those that exist and are this retailer's, held until the commit.

    The lock keeps a concurrent deletion waiting until what refers to them is written.
    """
    if not site_ids:
        return {}
    query = select(Site.site_id, func.ST_X(Site.location), func.ST_Y(Site.location)).where(
        Site.retailer_id == retailer_id, is_one_of(Site.site_id, site_ids)
    )
    held = await session.execute(query.order_by(Site.site_id).with_for_update(read=True, key_share=True))
    return {site_id: (lon, lat) for site_id, lon, lat in held}


def position_of(site: Site) -> tuple[float, float]:
    """(longitude, latitude)"""
    return position_in(site.location)
