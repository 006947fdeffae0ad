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
from offers.retail.report_queries import (
    BY_OFFER,
    FENCES,
    OFFERS,
    RETAILER,
    SITE,
    STAGES,
    crossings_by,
    decisions_by,
    stages_by,
)

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
    By offer, `n` of crossings is 0: they only say who stands behind decisions.
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
    retailer = await connection.fetchval(RETAILER, asked.retailer_id)
    if retailer is None:
        raise NotFound("There is no such retailer.")
    rows = await connection.fetch(OFFERS, asked.retailer_id, asked.offer_id)
    if asked.offer_id is not None and not rows:
        raise NotFound(f"There is no offer {asked.offer_id}.")
    if asked.site_id is not None and not await connection.fetchval(SITE, asked.retailer_id, asked.site_id):
        raise NotFound(f"There is no site {asked.site_id}.")
    fences = await connection.fetch(FENCES, asked.retailer_id, asked.site_id)
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
        rows = await _fetch(connection, crossings_by(asked.by), *places, _WRITTEN_WITHIN)
        counted += [_counted(row) for row in rows]
    if read.offers:
        first, last = min(zone.starts[0] for zone in read.zones), max(zone.starts[-1] for zone in read.zones)
        of_offers = (*places, asked.site_id is None, list(read.offers), first, last)
        within = (_WRITTEN_WITHIN,) if asked.by in BY_OFFER else ()
        rows = await _fetch(connection, decisions_by(asked.by), *of_offers, *within)
        counted += [_counted(row) for row in rows]
        rows = await _fetch(connection, stages_by(asked.by), *of_offers)
        counted += [one for row in rows for one in _stages(row)]
    return counted


async def _fetch(connection: asyncpg.Connection, statement: str, *parameters: object) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(f"{statement} LIMIT {MOST_COUNTED + 1}", *parameters)
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
