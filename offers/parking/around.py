"""The zones that a phone may be parked in, the likeliest first; the driver says which.

The person asks, so nothing is offered, counted or kept. One statement on the index of shapes reads zones and
the tariffs in force; how likely each is says `offers.parking.confidence`.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec
import shapely
from shapely import MultiPolygon, Polygon

from geo.shapes import metres_per_degree
from offers.handing.plain_words import SpokenLanguage
from offers.parking import tariff_versions, zones
from offers.parking.confidence import likely_zones
from offers.parking.paying_now import PayingNow, paying_now
from offers.parking.restrictions import Restriction, forbidding
from offers.parking.tariff_versions import TariffVersion, versions_in_force
from offers.parking.tariff_words import in_short
from offers.parking.zones import Zone, zone_in

MOST_ZONES: Final = 20
# A zone this near is told even where the fix says that the phone cannot be in it.
NEARBY_M: Final = 100.0
# So many accuracies around a fix there is hardly anything left of its distribution (1 in 30,000).
_ACCURACIES: Final = 3.0
_READ_AT_MOST: Final = 60
_NOBODY: Final[frozenset[str]] = frozenset()

_AROUND: Final = f"""
    SELECT {zones.COLUMNS}, ST_AsBinary(z.shape) AS shape, {tariff_versions.TOLD}
    FROM (
        SELECT * FROM parking_zones
        WHERE shape && ST_MakeEnvelope($1, $2, $3, $4, 4326) AND closed_at IS NULL
        ORDER BY shape <-> ST_SetSRID(ST_MakePoint($5, $6), 4326)
        LIMIT $8
    ) AS z
    JOIN retailers AS r ON r.retailer_id = z.retailer_id AND r.stopped_at IS NULL
    LEFT JOIN parking_tariff_versions AS v ON v.tariff_id = z.tariff_id
        AND {tariff_versions.HOLDS.format(at="$7")}
"""  # noqa: S608 - joined from constants


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What one pays by; `(tariff_id, version)` is what a quote will pin. `text` says it in one line."""

    tariff_id: int
    version: int
    text: str
    now: PayingNow


class ZoneSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A zone as a driver sees it. `price` None: nothing is paid here. `forbidden_by`: why not to park now."""

    zone_id: int
    operator_id: int
    operator: str
    code: str
    name: str
    time_zone: str
    country: str
    capacity: int | None
    is_open: bool
    restrictions: list[Restriction]
    forbidden_by: Restriction | None
    price: Price | None


class ZoneAround(ZoneSeen, frozen=True, kw_only=True):
    """With how likely the phone is in it, from 0 to 1, and how far its edge is (0 inside)."""

    confidence: float
    distance_m: float


class ZonesAround(msgspec.Struct, frozen=True, kw_only=True):
    """`none` is how likely the phone is in no zone; all confidences and it sum to 1."""

    zones: list[ZoneAround]
    none: float


async def read_zones_around(
    connection: asyncpg.Connection,
    lat: float,
    lon: float,
    accuracy_m: float,
    *,
    language: SpokenLanguage,
    now: datetime,
) -> ZonesAround:
    """The likeliest first, then the nearest; at most `MOST_ZONES`, none that is closed or stopped."""
    reach_m = max(NEARBY_M, _ACCURACIES * accuracy_m)
    east, north = (reach_m / metres for metres in metres_per_degree(lat))
    rows = await connection.fetch(
        _AROUND, lon - east, lat - north, lon + east, lat + north, lon, lat, now, _READ_AT_MOST
    )
    likely = likely_zones(lon, lat, accuracy_m, [_polygon(row["shape"]) for row in rows])
    told = sorted(
        (pair for pair in zip(rows, likely, strict=True) if pair[1].distance_m <= reach_m),
        key=lambda pair: (-pair[1].confidence, pair[1].distance_m, pair[0]["zone_id"]),
    )
    seen = _Seeing(language, now)
    found = [
        ZoneAround(
            **seen.members_of(zone_in(row), _version_in(row)),
            confidence=round(one.confidence, 3),
            distance_m=round(one.distance_m, 1),
        )
        for row, one in told[:MOST_ZONES]
    ]
    some = math.fsum(one.confidence for one in likely)
    return ZonesAround(zones=found, none=round(max(0.0, 1 - some), 3))


async def seen_zones(
    connection: asyncpg.Connection, found: Sequence[Zone], language: SpokenLanguage, now: datetime
) -> list[ZoneSeen]:
    """Zones that were found by their code, with their tariffs."""
    tariff_ids = {one.tariff_id for one in found if one.tariff_id is not None}
    versions = await versions_in_force(connection, tariff_ids, now)
    seen = _Seeing(language, now)
    return [ZoneSeen(**seen.members_of(one, versions.get(one.tariff_id or 0))) for one in found]


class _Seeing:
    """One look at some zones. A street has many and few tariffs: each is priced once."""

    def __init__(self, language: SpokenLanguage, now: datetime) -> None:
        self._language: SpokenLanguage = language
        self._now = now
        self._prices: dict[tuple[int, int, str], Price] = {}

    def members_of(self, zone: Zone, version: TariffVersion | None) -> dict[str, Any]:
        """The members of a `ZoneSeen`."""
        same = ("zone_id", "operator", "code", "name", "time_zone", "country", "capacity", "is_open")
        return {
            **{name: getattr(zone, name) for name in same},
            "operator_id": zone.retailer_id,
            "restrictions": zone.restrictions,
            "forbidden_by": forbidding(zone.restrictions, zone.time_zone, _NOBODY, self._now),
            "price": None if version is None else self._price(version, zone.time_zone),
        }

    def _price(self, version: TariffVersion, time_zone: str) -> Price:
        key = version.tariff_id, version.version, time_zone
        if key not in self._prices:
            paying = paying_now(version.tariff, self._now, time_zone)
            self._prices[key] = Price(
                tariff_id=version.tariff_id,
                version=version.version,
                text=in_short(paying, self._now, time_zone, self._language),
                now=paying,
            )
        return self._prices[key]


def _version_in(row: asyncpg.Record) -> TariffVersion | None:
    return None if row["version"] is None else tariff_versions.version_in(row)


def _polygon(wkb: bytes) -> Polygon | MultiPolygon:
    polygon = shapely.from_wkb(wkb)
    assert isinstance(polygon, Polygon | MultiPolygon), "the table holds nothing else"
    return polygon
