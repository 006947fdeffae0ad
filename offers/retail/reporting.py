"""Reading what a report counts: crossings, decisions and deliveries of one retailer, by place and time.

Everything is cut by the full UTC hour in which it was decided, because that is how decisions are counted,
and hours are then put into days and weeks of the site's own time zone; so the figures of one report belong
together. Owns the reading only: what may be told of it is `offers.retail.report_table`'s.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

import asyncpg
import msgspec

from geo.errors import Fault, InvalidInput, NotFound
from geo.wall_clock import moment_of

By = Literal["offer", "site", "fence", "retailer", "offer_at_fence"]
Step = Literal["hour", "day", "week", "all"]

MOST_DAYS: Final = 366
# Hours of a place are many rows.
MOST_DAYS_BY_HOUR: Final = 31
DEFAULT_DAYS: Final = 28
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

# How one report groups: by offer, by place, and by local days or hours of each zone.
_OFFER_KEY: Final = dict.fromkeys(BY_OFFER, "c.offer_id")
_PLACE_KEY: Final = {"site": "coalesce(p.site_id, 0)", "fence": "c.fence_id", "offer_at_fence": "c.fence_id"}
_ZONE: Final = "coalesce(p.time_zone, $6)"
_WALL: Final = f"date_trunc('hour', c.at) AT TIME ZONE {_ZONE}"
_PERIOD: Final[dict[Step, str]] = {
    "hour": "date_trunc('hour', c.at)",
    "day": f"({_WALL})::date",
    "week": f"date_trunc('week', {_WALL})::date",
    "all": "'epoch'::date",
}

_PLACES: Final = """
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[])
        AS p(fence_id, site_id, time_zone, starts_at, ends_at)
"""
_CROSSINGS: Final = """
WITH place AS ({places}), each AS MATERIALIZED (
    SELECT {place} AS place, {period} AS period, {zone} AS zone, c.kind, c.customer_id, count(*) AS n
    FROM place p
    JOIN LATERAL (SELECT fence_id, kind, customer_id, recorded_at AS at FROM crossings
                  WHERE bucket BETWEEN 0 AND 63 AND fence_id = p.fence_id
                    AND occurred_at >= p.starts_at - $7::interval AND occurred_at < p.ends_at
                    AND recorded_at >= p.starts_at AND recorded_at < p.ends_at) c ON true
    GROUP BY 1, 2, 3, 4, 5
), somebody AS (
    SELECT place, kind, customer_id, sum(n) AS n FROM each GROUP BY place, kind, customer_id
)
SELECT place, period, zone, kind, sum(n)::bigint AS n, count(*) AS people FROM each GROUP BY 1, 2, 3, 4
UNION ALL
SELECT place, NULL, NULL, kind, sum(n)::bigint, count(*) FROM somebody GROUP BY place, kind
"""
# Of a fence that is no more there are counts, in no site, as long as no site is asked for.
_WITHIN: Final = """
    c.at >= coalesce(p.starts_at, $7) AND c.at < coalesce(p.ends_at, $8) AND (p.fence_id IS NOT NULL OR $9)
"""
_DECISIONS: Final = """
WITH place AS ({places})
SELECT {offer} AS offer, {place} AS place, {period} AS period, {zone} AS zone, c.moment, c.outcome,
       sum(c.n)::bigint AS n
FROM (
    SELECT offer_id, fence_id, hour AS at, moment, outcome, n FROM decision_totals
    WHERE offer_id = ANY ($10::bigint[]) AND hour >= $11 AND hour < $12
    UNION ALL
    SELECT offer_id, fence_id, hour, moment, outcome, n FROM decision_counts
    WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($10::bigint[]) AND hour >= $11 AND hour < $12
    UNION ALL
    SELECT offer_id, fence_id, held_at, 'now', 'waiting', 1 FROM held_offers
    WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($10::bigint[]) AND held_at >= $11 AND held_at < $12
) c LEFT JOIN place p ON p.fence_id = c.fence_id
WHERE {within}
GROUP BY 1, 2, 3, 4, 5, 6
"""
STAGES: Final = ("handed", "shown", "opened", "dismissed", "less_like_this", "redeemed", "cancelled")
_STAGES: Final = """
WITH place AS ({places}), each AS MATERIALIZED (
    SELECT {offer} AS offer, {place} AS place, {period} AS period, {zone} AS zone, c.customer_id, {counted}
    FROM (SELECT *, decided_at AS at FROM deliveries
          WHERE bucket BETWEEN 0 AND 63 AND offer_id = ANY ($10::bigint[])
            AND decided_at >= $11 AND decided_at < $12) c
    LEFT JOIN place p ON p.fence_id = c.fence_id
    WHERE {within}
    GROUP BY 1, 2, 3, 4, 5
), somebody AS (
    SELECT offer, place, customer_id, {summed} FROM each GROUP BY offer, place, customer_id
)
SELECT offer, place, period, zone, {told} FROM each GROUP BY 1, 2, 3, 4
UNION ALL
SELECT offer, place, NULL, NULL, {told} FROM somebody GROUP BY 1, 2
"""
_OF_STAGES: Final = {
    "counted": ", ".join(f"count(c.{stage}_at) AS {stage}" for stage in STAGES),
    "summed": ", ".join(f"sum({stage}) AS {stage}" for stage in STAGES),
    "told": ", ".join(
        f"sum({stage})::bigint AS {stage}, count(*) FILTER (WHERE {stage} > 0) AS {stage}_people"
        for stage in STAGES
    ),
}


# A local day, or an hour with the zone that it is told in.
Period = date | tuple[datetime, str]


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
    `at` None: in the whole span, said of crossings and stages only, whose people do not add up. `people`: how
    many different ones; None where it is not known.
    """

    offer_id: int
    place_id: int
    at: Period | None
    what: tuple[str, str]
    n: int
    people: int | None


class Read(msgspec.Struct):
    """All that a report is made of. Offers by their first title."""

    asked: Asked
    retailer: str
    time_zone: str
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
    since = since or until - timedelta(days=DEFAULT_DAYS)
    most = MOST_DAYS_BY_HOUR if step == "hour" else MOST_DAYS
    if since >= until:
        fault = Fault("until", "must be after since: it is the first day that is not reported")
    elif (until - since).days > most:
        fault = Fault("since", f"is more than {most} days before until, too many for steps of one {step}")
    else:
        return since, until
    raise InvalidInput("The span cannot be reported.", faults=(fault,))


async def read_report(connection: asyncpg.Connection, asked: Asked, default_time_zone: str) -> Read:
    """NotFound for an offer or a site that is not the retailer's."""
    retailer = await connection.fetchval(_RETAILER, asked.retailer_id)
    rows = await connection.fetch(_OFFERS, asked.retailer_id, asked.offer_id)
    if asked.offer_id is not None and not rows:
        raise NotFound(f"There is no offer {asked.offer_id}.")
    if asked.site_id is not None and not await connection.fetchval(_SITE, asked.retailer_id, asked.site_id):
        raise NotFound(f"There is no site {asked.site_id}.")
    fences = await connection.fetch(_FENCES, asked.retailer_id, asked.site_id)
    places = [
        Place(
            one["fence_id"], one["fence"], one["site_id"], one["site"], one["time_zone"] or default_time_zone
        )
        for one in fences
    ]
    offers = {row["offer_id"]: _title(row["content"]) for row in rows}
    read = Read(asked, retailer, default_time_zone, places, offers, [])
    read.counted = await _count(connection, read)
    return read


async def _count(connection: asyncpg.Connection, read: Read) -> list[Counted]:
    asked = read.asked
    spans = {one.time_zone: _hours_of(asked, one.time_zone) for one in read.places}
    default = _hours_of(asked, read.time_zone)
    starts = [spans[one.time_zone][0] for one in read.places]
    ends = [spans[one.time_zone][1] for one in read.places]
    places = (
        [one.fence_id for one in read.places],
        [one.site_id for one in read.places],
        [one.time_zone for one in read.places],
        starts,
        ends,
        read.time_zone,
    )
    counted: list[Counted] = []
    if asked.by not in BY_OFFER:  # a crossing belongs to a place, and to as many offers as are tied to it
        rows = await connection.fetch(_statement(_CROSSINGS, asked), *places, _WRITTEN_WITHIN)
        counted += _crossings(asked, rows)
    if read.offers:
        of_offers = (
            *places, *default, asked.site_id is None, list(read.offers),
            min([*starts, default[0]]), max([*ends, default[1]]),
        )  # fmt: skip
        counted += _decisions(asked, await connection.fetch(_statement(_DECISIONS, asked), *of_offers))
        counted += _stages(asked, await connection.fetch(_statement(_STAGES, asked), *of_offers))
    return counted


def _statement(statement: str, asked: Asked) -> str:
    return statement.format(
        places=_PLACES,
        within=_WITHIN,
        offer=_OFFER_KEY.get(asked.by, "0::bigint"),
        place=_PLACE_KEY.get(asked.by, "0::bigint"),
        period=_PERIOD[asked.step],
        zone=_ZONE if asked.step == "hour" else "''",
        **_OF_STAGES,
    )


def _hours_of(asked: Asked, time_zone: str) -> tuple[datetime, datetime]:
    """From the first full hour (UTC) of the first day until before that of the day after the last."""
    return _first_hour(asked.since, time_zone), _first_hour(asked.until, time_zone)


def _first_hour(day: date, time_zone: str) -> datetime:
    midnight = moment_of(datetime.combine(day, time.min), time_zone)
    hour = midnight.replace(minute=0, second=0, microsecond=0)
    return hour if hour == midnight else hour + timedelta(hours=1)


def _at(asked: Asked, row: asyncpg.Record) -> Period | None:
    if row["zone"] is None:
        return None
    if asked.step == "all":
        return asked.since
    return (row["period"], row["zone"]) if asked.step == "hour" else row["period"]


def _crossings(asked: Asked, rows: Iterable[asyncpg.Record]) -> Iterator[Counted]:
    for row in rows:
        what = ("crossing_kind", row["kind"])
        yield Counted(0, row["place"], _at(asked, row), what, row["n"], row["people"])


def _decisions(asked: Asked, rows: Iterable[asyncpg.Record]) -> Iterator[Counted]:
    for row in rows:
        what = (row["moment"], row["outcome"])
        yield Counted(row["offer"], row["place"], _at(asked, row), what, row["n"], None)


def _stages(asked: Asked, rows: Iterable[asyncpg.Record]) -> Iterator[Counted]:
    for row in rows:
        for stage in STAGES:
            if row[stage]:
                what, people = ("delivery", stage), row[f"{stage}_people"]
                yield Counted(row["offer"], row["place"], _at(asked, row), what, row[stage], people)


def _title(content: str) -> str:
    said = msgspec.json.decode(content, type=dict[str, dict[str, str]])
    return next(iter(said.values()), {}).get("title", "")
