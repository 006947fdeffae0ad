"""What is around: sites nearest first, with the offers that run there now.

This is the person asking, so nothing is delivered, counted or capped. Only offers that name the
trigger `nearby` are listed: the others wait for a crossing. One indexed
statement reads it; hours are judged afterwards, in each site's own zone.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from geo.errors import Fault, InvalidInput
from geo.spots import Spot
from offers.engine.answers import words
from offers.schedule import is_open, next_opening

FURTHEST_M: Final = 20_000.0
MOST_SITES: Final = 100

# The bounding box of ST_DWithin and the order by <-> are both answered by sites_near.
_AROUND: Final = """
    SELECT s.*, coalesce(o.offers, '[]'::json) AS offers
    FROM (
        SELECT site_id, retailer_id, name, kind, time_zone, opening_hours, attribution,
               ST_Y(location) AS lat, ST_X(location) AS lon,
               ST_Distance(location::geography, ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography)
                   AS distance_m,
               degrees(ST_Azimuth(ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography,
                                  location::geography)) AS bearing_deg
        FROM sites
        WHERE ST_DWithin(location::geography, ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography, $3)
          AND ($4::text[] IS NULL OR kind = ANY($4))
        ORDER BY location::geography <-> ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography
        LIMIT $5
    ) AS s
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object(
                   'offer_id', o.offer_id, 'content', o.content, 'channel', o.channel, 'tags', o.tags,
                   'triggers', o.triggers, 'ends_at', o.ends_at, 'weekly_hours', o.weekly_hours,
                   'only_while_open', o.only_while_open)
                   ORDER BY o.priority DESC, o.offer_id) AS offers
        FROM offers AS o
        JOIN retailers AS r ON r.retailer_id = o.retailer_id AND r.stopped_at IS NULL
        LEFT JOIN offer_budgets AS b ON b.offer_id = o.offer_id
        WHERE o.retailer_id = s.retailer_id AND o.status = 'active' AND o.stopped_at IS NULL
          AND $7 AND 'nearby' = ANY(o.triggers)
          AND (o.starts_at IS NULL OR o.starts_at <= $6) AND (o.ends_at IS NULL OR o.ends_at > $6)
          AND (b.redemptions_total IS NULL OR b.redeemed < b.redemptions_total)
          AND (s.site_id = ANY(o.site_ids) OR EXISTS (
              SELECT 1 FROM fences AS f
              WHERE f.site_id = s.site_id AND (f.starts_at IS NULL OR f.starts_at <= $6)
                AND (f.disabled_at IS NULL OR f.disabled_at > $6)
                AND (f.fence_id = ANY(o.fence_ids) OR f.tags && o.fence_tags)))
    ) AS o ON true
    ORDER BY s.distance_m, s.site_id
"""


class OfferHere(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that runs at a site now, in the asker's language."""

    offer_id: int
    title: str
    text: str
    language: str
    channel: str
    tags: list[str]
    triggers: list[str]
    ends_at: datetime | None


class SiteNearby(msgspec.Struct, frozen=True, kw_only=True):
    """A site as seen from somewhere. `open_now` None: its hours are not known.

    `bearing_deg` is clockwise from north, None on the very spot. `opens_at` is told while it is
    closed and will open within a year.
    """

    site_id: int
    retailer_id: int
    name: str
    kind: str
    lat: float
    lon: float
    distance_m: float
    bearing_deg: float | None
    open_now: bool | None
    opens_at: datetime | None
    opening_hours: str | None
    time_zone: str
    attribution: str | None
    offers: list[OfferHere]


class _LiveOffer(msgspec.Struct):
    offer_id: int
    content: dict[str, dict[str, str]]
    channel: str
    tags: list[str]
    triggers: list[str]
    ends_at: datetime | None
    weekly_hours: str | None
    only_while_open: bool


_OFFERS: Final = msgspec.json.Decoder(list[_LiveOffer])


async def read_around(
    connection: asyncpg.Connection,
    spot: Spot,
    *,
    radius_m: float,
    kinds: Sequence[str] | None,
    language: str,
    limit: int,
    now: datetime,
    with_offers: bool = True,
) -> list[SiteNearby]:
    """At most `limit` sites within `radius_m`, nearest first; without any offer for whoever may see none."""
    if not 1 <= radius_m <= FURTHEST_M:
        reason = f"must be 1 to {FURTHEST_M:.0f} metres"
        raise InvalidInput(f"radius_m {reason}", faults=(Fault("radius_m", reason),))
    wanted = None if kinds is None else list(kinds)
    rows = await connection.fetch(_AROUND, spot.lon, spot.lat, radius_m, wanted, limit, now, with_offers)
    return [_site(row, language, now) for row in rows]


def _site(row: asyncpg.Record, language: str, now: datetime) -> SiteNearby:
    hours, zone = row["opening_hours"], row["time_zone"]
    open_now = is_open(hours, zone, now)
    bearing = row["bearing_deg"]
    return SiteNearby(
        site_id=row["site_id"],
        retailer_id=row["retailer_id"],
        name=row["name"],
        kind=row["kind"],
        lat=row["lat"],
        lon=row["lon"],
        distance_m=round(row["distance_m"], 1),
        bearing_deg=None if bearing is None else round(bearing, 1) % 360,
        open_now=open_now,
        opens_at=None if open_now else next_opening(hours, zone, now),
        opening_hours=hours,
        time_zone=zone,
        attribution=row["attribution"],
        offers=[
            _told(offer, language)
            for offer in _OFFERS.decode(row["offers"])
            if _runs(offer, zone, now, open_now=open_now)
        ],
    )


def _runs(offer: _LiveOffer, time_zone: str, now: datetime, *, open_now: bool | None) -> bool:
    in_hours = offer.weekly_hours is None or is_open(offer.weekly_hours, time_zone, now) is True
    return in_hours and (open_now is True or not offer.only_while_open)


def _told(offer: _LiveOffer, language: str) -> OfferHere:
    spoken, said = words(offer.content, language)
    told: dict[str, Any] = {"title": said["title"], "text": said["text"], "language": spoken}
    return OfferHere(
        offer_id=offer.offer_id,
        channel=offer.channel,
        tags=offer.tags,
        triggers=offer.triggers,
        ends_at=offer.ends_at,
        **told,
    )
