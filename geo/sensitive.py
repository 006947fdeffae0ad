"""Sensitive places: no fence may stand for one (worship, health, unions, parties, sex life).

Being there says what nobody may ask (GDPR Art. 9). Which sites are sensitive the database judges for
every site, by its kind and OpenStreetMap tags (`sensitive_because` in the migrations, with the sources);
the engine and the phones' regions leave out fences on them, also those from before. Owns the refusals:
a fence on such a site, a fence that is plainly drawn around one, a site with fences that becomes one.
Only known sites are seen; a church that nobody entered is not.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Fault, InvalidInput
from geo.fences import FenceEdit
from geo.places import ROWS_PER_STATEMENT
from geo.sites import SiteEdit
from geo.tables import Site, is_one_of

# A larger fence says that somebody is in that part of town, not at the place.
LARGEST_REVEALING_M: Final = 500.0
# How near to the middle of a fence a place must lie for the fence to be about it, at least.
NEAR_THE_MIDDLE_M: Final = 50.0

_CALLED: Final[Mapping[str, str]] = {
    "worship": "a place of worship or religion",
    "health": "a place of health care",
    "union": "a trade union",
    "party": "a political party",
    "sex_life": "a place that tells of people's sex life",
}

# A fence is about the place nearest to its middle; with a site of its own nearer than that, about its site.
_DRAWN_AROUND: Final = text("""
SELECT e.n, min(s.sensitive) AS sensitive
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    n integer, shape text, reach_m double precision, site_id bigint)
CROSS JOIN LATERAL (SELECT ST_GeomFromWKB(decode(e.shape, 'hex'), 4326) AS shape) AS g
CROSS JOIN LATERAL (SELECT ST_Centroid(g.shape)::geography AS middle) AS m
JOIN sites AS s ON s.sensitive IS NOT NULL AND s.location && g.shape AND ST_Covers(g.shape, s.location)
LEFT JOIN sites AS own ON own.site_id = e.site_id AND own.retailer_id = :retailer_id
WHERE ST_Distance(m.middle, s.location::geography) <= e.reach_m
  AND (own.site_id IS NULL
       OR ST_Distance(m.middle, own.location::geography) >= ST_Distance(m.middle, s.location::geography))
GROUP BY e.n
""")

_BECOMING: Final = text("""
SELECT e.n, sensitive_because(e.kind, e.tags) AS sensitive
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    n integer, external_id text, kind text, tags jsonb)
JOIN sites AS s ON s.retailer_id = :retailer_id AND s.external_id = e.external_id AND s.sensitive IS NULL
WHERE sensitive_because(e.kind, e.tags) IS NOT NULL
  AND EXISTS (SELECT FROM fences AS f WHERE f.site_id = s.site_id)
""")


async def sensitive_fences(
    session: AsyncSession, retailer_id: int, edits: Mapping[int, FenceEdit]
) -> dict[int, Fault]:
    """By number, what is wrong with those fences that stand for a sensitive place."""
    sites = await _sensitive_sites(
        session, retailer_id, {edit.site_id for edit in edits.values() if edit.site_id is not None}
    )
    faults = {
        number: Fault("properties.site_id", f"is {_CALLED[sites[edit.site_id]]}: no fence may stand for one")
        for number, edit in edits.items()
        if edit.site_id is not None and edit.site_id in sites
    }
    small = (
        {"n": number, "shape": edit.shape.wkb.hex(), "reach_m": _reach_m(edit), "site_id": edit.site_id}
        for number, edit in edits.items()
        if number not in faults and edit.shape.effective_radius_m <= LARGEST_REVEALING_M
    )
    for number, kind in (await _each(session, _DRAWN_AROUND, retailer_id, small)).items():
        faults[number] = Fault("geometry", f"is drawn around {_CALLED[kind]}: no fence may stand for one")
    return faults


async def refuse_sensitive_fence(session: AsyncSession, retailer_id: int, edit: FenceEdit) -> None:
    """Raise InvalidInput `sensitive_place` for a fence that stands for a sensitive place."""
    if fault := (await sensitive_fences(session, retailer_id, {0: edit})).get(0):
        raise _refused("This fence would tell what nobody may ask.", fault)


async def sites_becoming_sensitive(
    session: AsyncSession, retailer_id: int, edits: Mapping[int, SiteEdit]
) -> dict[int, Fault]:
    """By number, those sites that would become sensitive while they have fences."""
    rows = [
        {"n": number, "external_id": edit.external_id, "kind": edit.kind, "tags": edit.tags}
        for number, edit in edits.items()
    ]
    return {
        number: Fault("kind", f"and tags say that it is {_CALLED[kind]}: delete its fences first")
        for number, kind in (await _each(session, _BECOMING, retailer_id, rows)).items()
    }


async def refuse_becoming_sensitive(session: AsyncSession, retailer_id: int, edit: SiteEdit) -> None:
    """Raise InvalidInput `sensitive_place` for a site with fences that would become sensitive."""
    if fault := (await sites_becoming_sensitive(session, retailer_id, {0: edit})).get(0):
        raise _refused("A sensitive place has no fences.", fault)


async def _sensitive_sites(
    session: AsyncSession, retailer_id: int, site_ids: Collection[int]
) -> dict[int, str]:
    if not site_ids:
        return {}
    own = select(Site.site_id, Site.sensitive).where(
        Site.retailer_id == retailer_id, is_one_of(Site.site_id, site_ids), Site.sensitive.is_not(None)
    )
    return {row.site_id: str(row.sensitive) for row in await session.execute(own)}


async def _each(
    session: AsyncSession, statement: Any, retailer_id: int, rows: Iterable[Mapping[str, Any]]
) -> dict[int, str]:
    """Why, by number, of those rows that the statement finds.

    Rows are made as they are needed: ten thousand shapes at once would hold up whoever else is served.
    """
    found: dict[int, str] = {}
    rows = iter(rows)
    while few := list(islice(rows, ROWS_PER_STATEMENT)):
        values = {"rows": msgspec.json.encode(few).decode(), "retailer_id": retailer_id}
        found |= {row.n: row.sensitive for row in await session.execute(statement, values)}
    return found


def _reach_m(edit: FenceEdit) -> float:
    return max(NEAR_THE_MIDDLE_M, edit.shape.effective_radius_m / 2)


def _refused(detail: str, fault: Fault) -> InvalidInput:
    return InvalidInput(detail, faults=(fault,), code="sensitive_place")
