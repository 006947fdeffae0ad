"""What plates may do where: the rows that inspectors ask, by plate and not by customer.

Owns the table `parking_rights`. A stay claims its plate and zone before it is paid, has a valid right while
it is, and leaves one that is over: for the no-return time, for free minutes of a day, and for the net FPS.
One unique index lets one plate have one stay in a zone, whoever pays. Nothing here leads to a customer.

Every writer holds the lock of the stay's customer, and writes the rows of one plate in a transaction.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import Conflict
from offers.buckets import BUCKETS
from offers.parking.stays import Earlier
from offers.parking.tariffs import FreeUse
from offers.people.keys import CustomerKey

# No tariff's no-return time is longer, and free minutes are of a local day.
LOOKS_BACK: Final = timedelta(days=2)

_CLAIM: Final = """
    INSERT INTO parking_rights (bucket, plate_hmac, right_id, plate_sealed, zone_id, retailer_id, tariff_id,
                                tariff_version, classes, state, starts_at, ends_at, covered_until,
                                paid_minor, currency, fps_minor, free_used)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'claimed', $10, $11, $12, 0, $13, $14, '[]')
"""
_HOLD: Final = """
    UPDATE parking_rights SET state = $4, ends_at = $5, covered_until = $6, paid_minor = $7,
                              free_used = $8::text::jsonb
    WHERE bucket = $1 AND plate_hmac = $2 AND right_id = $3
"""
_FORGET: Final = "DELETE FROM parking_rights WHERE bucket = $1 AND plate_hmac = $2 AND right_id = $3"
_OTHERS: Final = """
    SELECT r.state, r.starts_at, r.ends_at
    FROM unnest($1::smallint[], $2::bytea[]) AS p(bucket, plate_hmac)
    JOIN parking_rights AS r ON r.bucket = p.bucket AND r.plate_hmac = p.plate_hmac
    WHERE r.zone_id = $3 AND r.right_id <> $4 AND (r.state <> 'over' OR r.ends_at > $5)
"""
_FREE_USED: Final = """
    SELECT r.free_used::text
    FROM unnest($1::smallint[], $2::bytea[]) AS p(bucket, plate_hmac)
    JOIN parking_rights AS r ON r.bucket = p.bucket AND r.plate_hmac = p.plate_hmac
    WHERE r.tariff_id = $3 AND r.covered_until > $4
    ORDER BY r.starts_at, r.right_id
"""
# An inspector still finds what an erased customer paid for, under a name that nothing else has.
_NOBODYS: Final = """
    UPDATE parking_rights SET right_id = $4, is_nobodys = true
    WHERE bucket = $1 AND plate_hmac = $2 AND right_id = $3 AND state = 'valid' AND covered_until > $5
"""
_OF_CUSTOMER: Final = """
    SELECT plate_hmac, session_id FROM parking_sessions WHERE bucket = $1 AND customer_id = $2
"""

_USES: Final = msgspec.json.Decoder(list[FreeUse])


class PlateAt(NamedTuple):
    """Where a plate's rights are: its HMAC, and the bucket that follows from it."""

    bucket: int
    plate_hmac: bytes


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A right before it is paid for."""

    right_id: UUID
    plate_hmac: bytes
    plate_sealed: bytes
    zone_id: int
    retailer_id: int
    tariff_id: int
    tariff_version: int
    classes: list[str]
    starts_at: datetime
    ends_at: datetime
    covered_until: datetime
    currency: str
    fps_minor: int | None


def plate_at(plate_hmac: bytes) -> PlateAt:
    return PlateAt(plate_hmac[0] % BUCKETS, plate_hmac)


async def claim(connection: asyncpg.Connection, claimed: Claim, hmacs: Sequence[bytes]) -> list[Earlier]:
    """Take the plate's place in the zone; the other stays it had there lately.

    Raises Conflict `already_parked` where it has a stay there. Whoever claims it at the same moment waits for
    the end of this transaction: what is returned was read after, and holds. `hmacs` are those of the plate
    under every key there is.
    """
    values = (
        claimed.right_id,
        claimed.plate_sealed,
        claimed.zone_id,
        claimed.retailer_id,
        claimed.tariff_id,
        claimed.tariff_version,
        claimed.classes,
        claimed.starts_at,
        claimed.ends_at,
        claimed.covered_until,
        claimed.currency,
        claimed.fps_minor,
    )
    try:
        await connection.execute(_CLAIM, *plate_at(claimed.plate_hmac), *values)
    except asyncpg.UniqueViolationError:
        raise _already_parked() from None
    since = claimed.starts_at - LOOKS_BACK
    rows = await connection.fetch(_OTHERS, *_columns(hmacs), claimed.zone_id, claimed.right_id, since)
    if any(row["state"] != "over" for row in rows):
        raise _already_parked()
    return [Earlier(row["starts_at"], row["ends_at"]) for row in rows]


async def hold(
    connection: asyncpg.Connection,
    plate_hmac: bytes,
    right_id: UUID,
    *,
    is_over: bool,
    ends_at: datetime,
    covered_until: datetime,
    paid_minor: int,
    free_used: Sequence[FreeUse],
) -> None:
    """Write down how far the right reaches now, and what was paid for it and not given back."""
    uses = msgspec.json.encode(free_used).decode()
    state = "over" if is_over else "valid"
    await connection.execute(
        _HOLD, *plate_at(plate_hmac), right_id, state, ends_at, covered_until, paid_minor, uses
    )


async def forget_right(connection: asyncpg.Connection, plate_hmac: bytes, right_id: UUID) -> None:
    """As if the stay had never been."""
    await connection.execute(_FORGET, *plate_at(plate_hmac), right_id)


async def leave_rights(connection: asyncpg.Connection, key: CustomerKey, now: datetime) -> None:
    """Of a customer about to be erased: what still holds stays until its end, and all else goes."""
    for plate_hmac, session_id in await connection.fetch(_OF_CUSTOMER, *key):
        await connection.execute(_NOBODYS, *plate_at(plate_hmac), session_id, uuid4(), now)
        await forget_right(connection, plate_hmac, session_id)


async def free_minutes_used(
    connection: asyncpg.Connection, hmacs: Sequence[bytes], tariff_id: int, starts_at: datetime
) -> tuple[FreeUse, ...]:
    """The free minutes that the plate had under this tariff lately, whoever parked it."""
    rows = await connection.fetch(_FREE_USED, *_columns(hmacs), tariff_id, starts_at - LOOKS_BACK)
    return tuple(use for row in rows for use in _USES.decode(row["free_used"]))


def _already_parked() -> Conflict:
    return Conflict("This plate has a stay in this zone already.", code="already_parked")


def _columns(hmacs: Sequence[bytes]) -> tuple[list[int], list[bytes]]:
    return [plate_at(one).bucket for one in hmacs], list(hmacs)
