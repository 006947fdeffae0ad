"""What a worker keeps in memory of everything retailers define, as of one configuration version.

Immutable once loaded. Shapes are read once per revision of a shape and carried from one snapshot to
the next, so that a new shape costs one shape. Nothing here belongs to a customer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

import asyncpg
import msgspec
import shapely

from geo.crossings import FenceRules
from geo.index import FenceIndex
from offers.eligibility import concerns
from offers.terms import Cap, Defaults, Offer, Place

_VERSION: Final = "SELECT version, stop_version FROM config_version"

# What a place of the rules is read from.
FENCES: Final = """
SELECT f.fence_id, f.name, f.revision, f.shape_revision, f.retailer_id, f.site_id, f.dwell_s, f.retrigger_s,
       f.tags AS fence_tags, f.active_hours AS fence_active_hours, f.starts_at AS fence_starts_at,
       f.disabled_at AS fence_disabled_at, s.time_zone, s.opening_hours,
       ST_X(coalesce(s.location, ST_Centroid(f.shape))) AS longitude,
       ST_Y(coalesce(s.location, ST_Centroid(f.shape))) AS latitude
FROM fences f LEFT JOIN sites s ON s.site_id = f.site_id
WHERE s.sensitive IS NULL  -- a fence from before its site was one that nobody may follow people to
"""
_FENCES: Final = f"{FENCES} ORDER BY f.fence_id"

_SHAPES: Final = """
SELECT fence_id, shape_revision, ST_AsBinary(shape) AS wkb FROM fences WHERE fence_id = ANY($1)
"""

# What an offer of the rules is read from.
OFFERS: Final = """
SELECT o.*, b.deliveries_total AS delivery_budget, b.per_day AS budget_per_day, b.per_week AS budget_per_week,
       b.redemptions_total AS redemption_stock,
       b.redemptions_total - b.redeemed AS redemptions_left,
       o.stopped_at IS NOT NULL OR r.stopped_at IS NOT NULL AS is_stopped
FROM offers o
JOIN retailers r USING (retailer_id)
LEFT JOIN offer_budgets b USING (offer_id)
"""
_OFFERS: Final = f"{OFFERS} WHERE o.status IN ('active', 'paused')"

_CAPS: Final = 'SELECT *, time_window AS "window" FROM caps ORDER BY cap_id'
_DEFAULTS: Final = "SELECT quiet_start, quiet_end, holdout_percent, holdout_salt FROM defaults"

# Ended ones too: a worker that has not heard of the end yet may still be giving them.
_STOPPED: Final = """
SELECT o.offer_id FROM offers o JOIN retailers r USING (retailer_id)
WHERE o.status <> 'draft' AND (o.stopped_at IS NOT NULL OR r.stopped_at IS NOT NULL)
"""


class Fence(msgspec.Struct, frozen=True):
    """One fence as the main path needs it; its shape is in the index."""

    rules: FenceRules
    place: Place
    offers: tuple[Offer, ...]


class Snapshot(msgspec.Struct):
    """One version of the configuration. Only `stopped` is ever replaced, by a newer reading."""

    version: int
    stop_version: int
    fences: dict[int, Fence]
    index: FenceIndex
    caps: tuple[Cap, ...]
    defaults: Defaults
    stopped: frozenset[int]
    shapes: dict[tuple[int, int], shapely.Geometry]

    def rules_of(self, fence_id: int) -> FenceRules | None:
        fence = self.fences.get(fence_id)
        return fence.rules if fence else None


async def newest_version(connection: asyncpg.Connection) -> tuple[int, int]:
    """(version, stop_version) as committed now."""
    row = await connection.fetchrow(_VERSION)
    return row["version"], row["stop_version"]


async def stopped_offers(connection: asyncpg.Connection) -> frozenset[int]:
    """The offers that are stopped now, by themselves or with their retailer."""
    return frozenset(row["offer_id"] for row in await connection.fetch(_STOPPED))


class _Read(NamedTuple):
    """The rows of one version, as they came."""

    version: int
    stop_version: int
    fences: list[asyncpg.Record]
    offers: list[asyncpg.Record]
    caps: list[asyncpg.Record]
    defaults: asyncpg.Record
    shapes: list[asyncpg.Record]


async def load(
    connection: asyncpg.Connection, *, default_time_zone: str, before: Snapshot | None = None
) -> Snapshot:
    """Read one consistent version of the configuration; shapes already in `before` are not read again.

    The work on what was read is done in a thread: phones are answered in the meantime.
    """
    known = before.shapes.keys() if before else ()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        version, stop_version = await newest_version(connection)
        fences = await connection.fetch(_FENCES)
        missing = [row["fence_id"] for row in fences if _shape_key(row) not in known]
        read = _Read(
            version,
            stop_version,
            fences,
            offers=await connection.fetch(_OFFERS),
            caps=await connection.fetch(_CAPS),
            defaults=await connection.fetchrow(_DEFAULTS),
            shapes=await connection.fetch(_SHAPES, missing) if missing else [],
        )
    return await asyncio.to_thread(_build, read, default_time_zone, before)


async def read_limits(connection: asyncpg.Connection) -> tuple[list[Cap], Defaults]:
    """All caps and what holds where nobody chose, as the database has them now."""
    caps = [_cap(row) for row in await connection.fetch(_CAPS)]
    return caps, _defaults(await connection.fetchrow(_DEFAULTS))


def _build(read: _Read, default_time_zone: str, before: Snapshot | None) -> Snapshot:
    known = before.shapes if before else {}
    fresh = {_shape_key(row): shapely.from_wkb(row["wkb"]) for row in read.shapes}
    keys = [_shape_key(row) for row in read.fences]
    shapes = {key: fresh.get(key) or known[key] for key in keys}
    if before is not None and before.shapes.keys() == shapes.keys():
        index = before.index
    else:
        index = FenceIndex([fence_id for fence_id, _ in keys], list(shapes.values()))
    offers = [as_offer(row) for row in read.offers]
    return Snapshot(
        version=read.version,
        stop_version=read.stop_version,
        fences=_fences(read.fences, offers, index, default_time_zone),
        index=index,
        caps=tuple(_cap(row) for row in read.caps),
        defaults=_defaults(read.defaults),
        stopped=frozenset(offer.offer_id for offer in offers if offer.is_stopped),
        shapes=shapes,
    )


def _shape_key(row: asyncpg.Record) -> tuple[int, int]:
    return row["fence_id"], row["shape_revision"]


def _fences(
    rows: Iterable[asyncpg.Record], offers: Iterable[Offer], index: FenceIndex, default_time_zone: str
) -> dict[int, Fence]:
    of_retailer: dict[int, list[Offer]] = defaultdict(list)
    for offer in offers:
        of_retailer[offer.retailer_id].append(offer)
    fences = {}
    for row in rows:
        place = as_place(row, default_time_zone)
        concerned = tuple(offer for offer in of_retailer[place.retailer_id] if concerns(offer, place))
        fences[place.fence_id] = Fence(
            rules=FenceRules(
                dwell_s=float(row["dwell_s"]),
                retrigger_s=float(row["retrigger_s"]),
                radius_m=float(index.radius_m[index.row_of[place.fence_id]]),
                revision=row["revision"],
                shape_revision=row["shape_revision"],
            ),
            place=place,
            offers=concerned,
        )
    return fences


def as_place(row: asyncpg.Record, default_time_zone: str) -> Place:
    """A row of `FENCES` as the rules see it."""
    return msgspec.convert({**row, "time_zone": row["time_zone"] or default_time_zone}, Place)


def as_offer(row: asyncpg.Record) -> Offer:
    """A row of `OFFERS` as the rules see it."""
    decoded = {name: msgspec.json.decode(row[name]) for name in ("content", "audience")}
    return msgspec.convert({**row, **decoded}, Offer)


def _cap(row: asyncpg.Record) -> Cap:
    """A row of `caps` as the rules see it."""
    return msgspec.convert(dict(row), Cap)


def _defaults(row: asyncpg.Record) -> Defaults:
    """The row of `defaults` as the rules see it."""
    return msgspec.convert(dict(row), Defaults)
