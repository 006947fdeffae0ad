"""What an inspector learns of a plate: what it may do in the operator's zones, and what it would owe.

One indexed statement on `parking_rights` and `parking_permits`, by the plate's HMAC; never whose it is, and
of no other operator's zones. The FPS is told net of what was paid for the same stay (Code général des
collectivités territoriales, art. L2333-87).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import asyncpg
import msgspec

from geo.wall_clock import zone_of
from offers.buckets import BUCKETS
from offers.parking.plate_keys import PlateKey
from offers.parking.plates import Plate
from offers.parking.rights import plate_at
from offers.parking.tariff_versions import tariff_of_zone
from offers.parking.tariffs import Tariff, fps_due_minor, free_until, longest_stay_until
from offers.parking.zones import Zone

Verdict = Literal["valid", "nothing_due", "not_paid"]

# No stay that an FPS would follow began longer ago.
LOOKS_BACK: Final = timedelta(days=2)
_ALL_BUCKETS: Final = list(range(BUCKETS))

PLATE: Final = """
    SELECT r.zone_id, z.code AS zone_code, z.name AS zone_name, r.tariff_id, r.tariff_version, r.classes,
           r.starts_at, r.ends_at, r.covered_until, r.state, r.paid_minor, r.currency, r.fps_minor,
           NULL::text AS user_class, NULL::bigint[] AS zone_ids
    FROM unnest($1::smallint[], $2::bytea[]) AS p(bucket, plate_hmac)
    JOIN parking_rights AS r ON r.bucket = p.bucket AND r.plate_hmac = p.plate_hmac
                            AND r.covered_until > $5 AND r.starts_at <= $4
    JOIN parking_zones AS z ON z.zone_id = r.zone_id
    WHERE r.retailer_id = $3 AND r.state <> 'claimed'
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, NULL, m.valid_from, m.valid_until, m.valid_until, NULL, NULL, NULL,
           NULL, m.user_class, m.zone_ids
    FROM parking_permits AS m
    WHERE m.retailer_id = $3 AND m.plate_hmac = ANY($2::bytea[]) AND m.valid_from <= $4 AND m.valid_until > $4
    ORDER BY starts_at DESC
"""
_ZONE: Final = """
    SELECT right_id, plate_sealed, classes, starts_at, covered_until FROM parking_rights
    WHERE bucket = ANY($1::smallint[]) AND zone_id = $2 AND state <> 'claimed'
      AND covered_until > $3 AND starts_at <= $3 AND right_id > $4
    ORDER BY right_id LIMIT $5
"""


class RightTold(msgspec.Struct, frozen=True, kw_only=True):
    """A stay that was paid for, or is free: the plate may stand there from `starts_at` until `valid_until`.

    `ends_at` is when the stay ends or ended.
    """

    zone_id: int
    zone_code: str
    zone_name: str
    classes: list[str]
    tariff_id: int
    tariff_version: int
    starts_at: datetime
    ends_at: datetime
    valid_until: datetime
    is_valid: bool


class PermitTold(msgspec.Struct, frozen=True, kw_only=True):
    """As what the plate parks; `zone_ids` null: in all of your zones."""

    user_class: str
    zone_ids: list[int] | None
    valid_from: datetime
    valid_until: datetime


class FpsTold(msgspec.Struct, frozen=True, kw_only=True):
    """The FPS in that zone, what was paid for this stay, and what remains to be asked for."""

    fps_minor: int
    paid_minor: int
    due_minor: int
    currency: str


class PlateTold(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a plate at `at`, in your zones; the newest first, of the last two days.

    `verdict` is of the zone that was named, null where none was: `valid`; `nothing_due`, as nothing is to be
    paid there then by this plate; or `not_paid`, with the `fps` where the tariff has one.
    """

    country: str
    plate: str
    at: datetime
    verdict: Verdict | None
    valid_until: datetime | None
    rights: list[RightTold]
    permits: list[PermitTold]
    fps: FpsTold | None

    def __repr__(self) -> str:
        return f"PlateTold({self.verdict})"


class StandsHere(msgspec.Struct, frozen=True, kw_only=True):
    """A plate that may stand in the zone."""

    right_id: UUID
    country: str
    plate: str
    classes: list[str]
    starts_at: datetime
    valid_until: datetime

    def __repr__(self) -> str:
        return f"StandsHere({self.right_id})"


async def look_up_plate(
    connection: asyncpg.Connection,
    retailer_id: int,
    plate: Plate,
    plate_key: PlateKey,
    at: datetime,
    zone: Zone | None,
) -> PlateTold:
    """`zone` is one of the operator's, where the car stands; without one there is no verdict."""
    hmacs = plate_key.hmacs(plate)
    buckets = [plate_at(one).bucket for one in hmacs]
    rows = await connection.fetch(PLATE, buckets, hmacs, retailer_id, at, at - LOOKS_BACK)
    rights = [_right(row, at) for row in rows if row["state"] is not None]
    permits = [_permit(row) for row in rows if row["state"] is None]
    verdict: Verdict | None = None
    valid_until, fps = None, None
    if zone is not None:
        valid_until = _valid_until(rights, zone)
        verdict = "valid"
        if valid_until is None:
            here = [row for row in rows if row["zone_id"] == zone.zone_id]
            verdict, fps = await _without_right(connection, zone, here, _classes(permits, zone), at)
    return PlateTold(
        country=plate.country,
        plate=plate.text,
        at=at,
        verdict=verdict,
        valid_until=valid_until,
        rights=rights,
        permits=permits,
        fps=fps,
    )


async def plates_in_zone(
    connection: asyncpg.Connection,
    zone_id: int,
    plate_key: PlateKey,
    at: datetime,
    *,
    after: UUID,
    at_most: int,
) -> list[StandsHere]:
    """Which plates may stand in the zone at `at`, in the order of their rights' ids."""
    rows = await connection.fetch(_ZONE, _ALL_BUCKETS, zone_id, at, after, at_most)
    found = []
    for row in rows:
        plate = plate_key.open(row["plate_sealed"])
        told = {name: row[name] for name in ("right_id", "classes", "starts_at")}
        found.append(
            StandsHere(country=plate.country, plate=plate.text, valid_until=row["covered_until"], **told)
        )
    return found


async def _without_right(
    connection: asyncpg.Connection,
    zone: Zone,
    rows: Sequence[asyncpg.Record],
    classes: frozenset[str],
    at: datetime,
) -> tuple[Verdict, FpsTold | None]:
    version = await tariff_of_zone(connection, zone, at)
    if version is None:
        return "nothing_due", None
    local = zone_of(zone.time_zone)
    free = free_until(version.tariff, start=at, zone=local, classes=classes)
    if free is None or free > at:
        return "nothing_due", None
    paid_minor = _paid_for_this_stay(version.tariff, rows, zone, classes, at)
    due_minor = fps_due_minor(version.tariff, paid_minor=paid_minor)
    if version.tariff.fps_minor is None or due_minor is None:
        return "not_paid", None
    fps = FpsTold(
        fps_minor=version.tariff.fps_minor,
        paid_minor=paid_minor,
        due_minor=due_minor,
        currency=version.tariff.currency,
    )
    return "not_paid", fps


def _paid_for_this_stay(
    tariff: Tariff, rows: Sequence[asyncpg.Record], zone: Zone, classes: frozenset[str], at: datetime
) -> int:
    """What was paid for the last stay here, unless the longest one that began with it would be over."""
    for row in rows[:1]:
        longest = longest_stay_until(
            tariff, start=row["starts_at"], zone=zone_of(zone.time_zone), classes=classes
        )
        if longest is None or at < longest:
            return int(row["paid_minor"])
    return 0


def _valid_until(rights: Sequence[RightTold], zone: Zone) -> datetime | None:
    return max(
        (one.valid_until for one in rights if one.is_valid and one.zone_id == zone.zone_id), default=None
    )


def _classes(permits: Sequence[PermitTold], zone: Zone) -> frozenset[str]:
    return frozenset(
        one.user_class for one in permits if one.zone_ids is None or zone.zone_id in one.zone_ids
    )


def _right(row: asyncpg.Record, at: datetime) -> RightTold:
    same = {name: row[name] for name in RightTold.__struct_fields__ if name in row.keys()}  # noqa: SIM118
    return RightTold(**same, valid_until=row["covered_until"], is_valid=row["covered_until"] > at)


def _permit(row: asyncpg.Record) -> PermitTold:
    return PermitTold(
        user_class=row["user_class"],
        zone_ids=row["zone_ids"],
        valid_from=row["starts_at"],
        valid_until=row["covered_until"],
    )
