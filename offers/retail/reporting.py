"""Reading what a report counts: crossings, decisions and deliveries of one retailer, by place and time.

Everything is cut by the full UTC hour in which it was decided, because that is how decisions are counted,
and hours are then put into days and weeks of the site's own time zone; so the figures of one report belong
together. Owns the reading only: what may be told of it is `offers.retail.report_table`'s.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, Literal

import asyncpg
import msgspec

from geo.errors import Fault, InvalidInput, NotFound
from offers.local_periods import Periods, Step, periods_of

By = Literal["offer", "site", "fence", "retailer", "offer_at_fence"]

MOST_DAYS: Final = 366
# Hours of a place are many rows.
MOST_DAYS_BY_HOUR: Final = 31
DEFAULT_DAYS: Final = 28
_EARLIEST, _LATEST = date(2001, 1, 1), date(2999, 12, 31)
# More than this is for several reports.
MOST_COUNTED: Final = 500_000
# A crossing is written at the latest so long after it occurred: a day for an old fix, and what the rules
# take to be certain.
_WRITTEN_WITHIN: Final = timedelta(days=2)

_FENCES: Final = """
SELECT f.fence_id, f.name AS fence, f.site_id, s.name AS site, s.time_zone
FROM fences f LEFT JOIN sites s ON s.site_id = f.site_id
WHERE f.retailer_id = $1 AND ($2::bigint IS NULL OR f.site_id = $2)
ORDER BY f.fence_id
"""
_OFFERS: Final = """
SELECT offer_id, content FROM offers WHERE retailer_id = $1 AND ($2::bigint IS NULL OR offer_id = $2)
ORDER BY offer_id
"""
_SITE: Final = "SELECT name FROM sites WHERE retailer_id = $1 AND site_id = $2"
_RETAILER: Final = "SELECT name FROM retailers WHERE retailer_id = $1"

BY_OFFER: Final = frozenset({"offer", "offer_at_fence"})

# How one report groups: by offer, by place, and by the periods of each zone.
_OFFER_KEY: Final = dict.fromkeys(BY_OFFER, "c.offer_id")
_PLACE_KEY: Final = {"site": "coalesce(p.site_id, 0)", "fence": "c.fence_id", "offer_at_fence": "c.fence_id"}

# Every fence with where the periods of its zone begin; width_bucket finds the one of a moment. What is at
# no fence of these is in the zone that comes first.
_PLACES: Final = """
WITH zone AS MATERIALIZED (
    SELECT z AS zone, array_agg(starts_at ORDER BY starts_at) AS starts
    FROM unnest($4::integer[], $5::timestamptz[]) AS t(z, starts_at) GROUP BY z
), place AS MATERIALIZED (
    SELECT p.fence_id, p.site_id, zone.zone, zone.starts, zone.starts[1] AS begins_at,
           zone.starts[cardinality(zone.starts)] AS ends_at
    FROM unnest($1::bigint[], $2::bigint[], $3::integer[]) AS p(fence_id, site_id, zone)
    JOIN zone USING (zone)
), elsewhere AS MATERIALIZED (
    SELECT zone, starts, starts[1] AS begins_at, starts[cardinality(starts)] AS ends_at
    FROM zone WHERE zone = 0
)
"""
# A person is known by the bucket only, which many share: so many buckets are at least as many people.
_BUCKETS: Final = "bit_or(1::bigint << c.bucket::integer)"
_CROSSINGS: Final = """
{places}
SELECT 0::bigint AS offer, {place} AS place, p.zone, width_bucket(c.recorded_at, p.starts) AS period,
       'crossing_kind' AS about, c.kind AS what, count(*) AS n, {buckets} AS buckets
FROM place p
JOIN LATERAL (SELECT bucket, fence_id, kind, recorded_at FROM crossings
              WHERE bucket BETWEEN 0 AND 63 AND fence_id = p.fence_id
                AND occurred_at >= p.begins_at - $6::interval AND occurred_at < p.ends_at
                AND recorded_at >= p.begins_at AND recorded_at < p.ends_at) c ON true
GROUP BY 2, 3, 4, 6
"""
# Of a fence that is no more there are counts still, as long as no site is asked for.
_AT_PLACES: Final = """
LEFT JOIN place p ON p.fence_id = c.fence_id
CROSS JOIN elsewhere e
WHERE c.at >= coalesce(p.begins_at, e.begins_at) AND c.at < coalesce(p.ends_at, e.ends_at)
  AND (p.fence_id IS NOT NULL OR $6)
"""
_WHEN: Final = "coalesce(p.zone, 0) AS zone, width_bucket(c.at, coalesce(p.starts, e.starts)) AS period"
_DECISIONS: Final = """
{places}
SELECT {offer} AS offer, {place} AS place, {when}, c.moment AS about, c.outcome AS what,
       sum(c.n)::bigint AS n, NULL::bigint AS buckets
FROM (
    SELECT offer_id, fence_id, hour AS at, moment, outcome, n FROM decision_totals
    WHERE offer_id = ANY ($7::bigint[]) AND hour >= $8 AND hour < $9
    UNION ALL
    SELECT offer_id, fence_id, hour, moment, outcome, n FROM decision_counts
    WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($7::bigint[]) AND hour >= $8 AND hour < $9
    UNION ALL
    SELECT offer_id, fence_id, held_at, 'now', 'waiting', 1 FROM held_offers
    WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($7::bigint[]) AND held_at >= $8 AND held_at < $9
) c {at_places}
GROUP BY 1, 2, 3, 4, 5, 6
"""
STAGES: Final = ("handed", "shown", "opened", "dismissed", "less_like_this", "redeemed", "cancelled")
_STAGES: Final = """
{places}
SELECT {offer} AS offer, {place} AS place, {when}, {stages}
FROM (SELECT *, decided_at AS at FROM deliveries
      WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($7::bigint[])
        AND decided_at >= $8 AND decided_at < $9) c {at_places}
GROUP BY 1, 2, 3, 4
"""
_EVERY_STAGE: Final = ", ".join(
    f"count(c.{stage}_at) AS {stage}, {_BUCKETS} FILTER (WHERE c.{stage}_at IS NOT NULL) AS {stage}_buckets"
    for stage in STAGES
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be reported: local days from `since` until before `until`."""

    retailer_id: int
    by: By
    step: Step
    since: date
    until: date
    offer_id: int | None = None
    site_id: int | None = None


class Place(msgspec.Struct, frozen=True):
    """A fence, its site if it has one, and the time zone that its hours are told in."""

    fence_id: int
    fence: str | None
    site_id: int | None
    site: str | None
    time_zone: str


class Counted(msgspec.Struct, frozen=True):
    """So many of something: `what` is (`crossing_kind`, kind), (moment, outcome) or (`delivery`, stage).

    `offer_id` and `place_id` are 0 where the report is not by them; `place_id` is a site's or a fence's.
    `period` counts the periods of a zone from 0, `zone` the zones of the report. `buckets`: a bit for each
    bucket of somebody behind it, so that there are at least as many people as bits; None: not known.
    """

    offer_id: int
    place_id: int
    zone: int
    period: int
    what: tuple[str, str]
    n: int
    buckets: int | None


class Read(msgspec.Struct):
    """All that a report is made of. Offers by their first title; the first zone is the default."""

    asked: Asked
    retailer: str
    zones: list[Periods]
    places: list[Place]
    offers: dict[int, str]
    counted: list[Counted]

    @property
    def by_fence(self) -> dict[int, Place]:
        return {one.fence_id: one for one in self.places}

    @property
    def by_site(self) -> dict[int, Place]:
        return {one.site_id: one for one in self.places if one.site_id is not None}


def span_of(since: date | None, until: date | None, step: Step, today: date) -> tuple[date, date]:
    """The days that are meant; by default the last 28 with today. Raises InvalidInput."""
    until = until or today + timedelta(days=1)
    if not _EARLIEST <= until <= _LATEST:
        raise _no_span("until", f"must be from {_EARLIEST} to {_LATEST}")
    since = since or until - timedelta(days=DEFAULT_DAYS)
    if since >= until:
        raise _no_span("until", "must be after since: it is the first day that is not reported")
    most = MOST_DAYS_BY_HOUR if step == "hour" else MOST_DAYS
    if (until - since).days > most:
        raise _no_span("since", f"is more than {most} days before until, too many for steps of one {step}")
    return since, until


def _no_span(field: str, reason: str) -> InvalidInput:
    return InvalidInput("The span cannot be reported.", faults=(Fault(field, reason),))


def too_long(reason: str) -> InvalidInput:
    """A report of more than anybody reads."""
    return InvalidInput("Ask for fewer days, longer steps, or one site.", faults=(Fault("since", reason),))


async def read_report(connection: asyncpg.Connection, asked: Asked, default_time_zone: str) -> Read:
    """NotFound for a retailer there is not, an offer or a site that is not the retailer's."""
    retailer = await connection.fetchval(_RETAILER, asked.retailer_id)
    if retailer is None:
        raise NotFound("There is no such retailer.")
    rows = await connection.fetch(_OFFERS, asked.retailer_id, asked.offer_id)
    if asked.offer_id is not None and not rows:
        raise NotFound(f"There is no offer {asked.offer_id}.")
    if asked.site_id is not None and not await connection.fetchval(_SITE, asked.retailer_id, asked.site_id):
        raise NotFound(f"There is no site {asked.site_id}.")
    fences = await connection.fetch(_FENCES, asked.retailer_id, asked.site_id)
    places = [
        Place(
            row["fence_id"], row["fence"], row["site_id"], row["site"], row["time_zone"] or default_time_zone
        )
        for row in fences
    ]
    numbers = dict.fromkeys([default_time_zone, *(one.time_zone for one in places)])
    zones = {name: periods_of(asked.step, asked.since, asked.until, name) for name in numbers}
    offers = {row["offer_id"]: _title(row["content"]) for row in rows}
    read = Read(asked, retailer, list(zones.values()), places, offers, [])
    read.counted = await _count(connection, read, list(zones))
    return read


async def _count(connection: asyncpg.Connection, read: Read, zones: list[str]) -> list[Counted]:
    asked = read.asked
    places = (
        [one.fence_id for one in read.places],
        [one.site_id for one in read.places],
        [zones.index(one.time_zone) for one in read.places],
        [number for number, zone in enumerate(read.zones) for _ in zone.starts],
        [start for zone in read.zones for start in zone.starts],
    )
    counted: list[Counted] = []
    if asked.by not in BY_OFFER:  # a crossing belongs to a place, and to as many offers as are tied to it
        rows = await _fetch(connection, _CROSSINGS, asked, *places, _WRITTEN_WITHIN)
        counted += [_counted(row) for row in rows]
    if read.offers:
        first, last = min(zone.starts[0] for zone in read.zones), max(zone.starts[-1] for zone in read.zones)
        of_offers = (*places, asked.site_id is None, list(read.offers), first, last)
        rows = await _fetch(connection, _DECISIONS, asked, *of_offers)
        counted += [_counted(row) for row in rows]
        rows = await _fetch(connection, _STAGES, asked, *of_offers)
        counted += [one for row in rows for one in _stages(row)]
    return counted


async def _fetch(
    connection: asyncpg.Connection, statement: str, asked: Asked, *parameters: object
) -> list[asyncpg.Record]:
    wanted = statement.format(
        places=_PLACES,
        at_places=_AT_PLACES,
        when=_WHEN,
        buckets=_BUCKETS,
        stages=_EVERY_STAGE,
        offer=_OFFER_KEY.get(asked.by, "0::bigint"),
        place=_PLACE_KEY.get(asked.by, "0::bigint"),
    )
    rows: list[asyncpg.Record] = await connection.fetch(f"{wanted} LIMIT {MOST_COUNTED + 1}", *parameters)
    if len(rows) > MOST_COUNTED:
        raise too_long(f"comes to more than {MOST_COUNTED} numbers")
    return rows


def _counted(row: asyncpg.Record) -> Counted:
    what = (row["about"], row["what"])
    return Counted(row["offer"], row["place"], row["zone"], row["period"] - 1, what, row["n"], row["buckets"])


def _stages(row: asyncpg.Record) -> Iterator[Counted]:
    where = row["offer"], row["place"], row["zone"], row["period"] - 1
    for stage in STAGES:
        if row[stage]:
            yield Counted(*where, ("delivery", stage), row[stage], row[f"{stage}_buckets"])


def _title(content: str) -> str:
    said = msgspec.json.decode(content, type=dict[str, dict[str, str]])
    return next(iter(said.values()), {}).get("title", "")
