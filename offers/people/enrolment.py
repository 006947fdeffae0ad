"""Test phones: phones whose person lets one retailer try things on them.

The retailer shows a code, the phone sends it back within ten minutes, and either side may end it at any
time. From then on the retailer may ask what would be decided for the phone's person
(`offers.engine.dry_run`) and show offers on it (`offers.handing.previews`); nothing else changes. Owns the
invitations and the rows of `test_phones`.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from offers.buckets import BUCKETS
from offers.codes import ALPHABET
from offers.people.customers import CustomerKey, lock_customers, lock_somebody

CODE_LENGTH: Final = 10
INVITATION_HOLDS: Final = timedelta(minutes=10)
MOST_INVITATIONS: Final = 20
LONGEST_LABEL: Final = 64
_HEARD_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_ID: Final = re.compile(r"tp_([0-9a-f]{2})_[0-9a-f]{16}")

_FORGET_OLD: Final = "DELETE FROM test_phone_invitations WHERE retailer_id = $1 AND expires_at <= $2"
_COUNT: Final = "SELECT count(*) FROM test_phone_invitations WHERE retailer_id = $1"
_INVITE: Final = """
    INSERT INTO test_phone_invitations (code_hash, retailer_id, label, expires_at) VALUES ($1, $2, $3, $4)
"""
_USE: Final = """
    DELETE FROM test_phone_invitations WHERE code_hash = $1 AND expires_at > $2 RETURNING retailer_id, label
"""
_ENROL: Final = """
    INSERT INTO test_phones (bucket, customer_id, device_id, retailer_id, test_phone_id, label, accepted_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (bucket, device_id, retailer_id) DO UPDATE SET label = excluded.label
"""
_ENROLLED: Final = """
    SELECT t.test_phone_id, t.retailer_id, r.name AS retailer_name, t.label, t.accepted_at
    FROM test_phones AS t JOIN retailers AS r ON r.retailer_id = t.retailer_id
    WHERE t.bucket = $1 AND t.device_id = $2 AND t.retailer_id > $3
    ORDER BY t.retailer_id LIMIT $4
"""
_OF_RETAILER: Final = """
    SELECT t.test_phone_id, t.label, d.platform, t.accepted_at
    FROM test_phones AS t JOIN devices AS d ON d.bucket = t.bucket AND d.device_id = t.device_id
    WHERE t.bucket BETWEEN 0 AND 63 AND t.retailer_id = $1 AND t.test_phone_id > $2 AND d.status = 'active'
    ORDER BY t.test_phone_id LIMIT $3
"""
# $3 NULL: an admin, to whom every retailer's test phones are test phones.
_FIND: Final = """
    SELECT t.customer_id, t.device_id, t.retailer_id
    FROM test_phones AS t JOIN devices AS d ON d.bucket = t.bucket AND d.device_id = t.device_id
    WHERE t.bucket = $1 AND t.test_phone_id = $2 AND ($3::bigint IS NULL OR t.retailer_id = $3)
      AND d.status = 'active'
"""
_REMOVE: Final = "DELETE FROM test_phones WHERE bucket = $1 AND test_phone_id = $2"
_LEAVE: Final = """
    DELETE FROM test_phones WHERE bucket = $1 AND device_id = $2 AND retailer_id = $3 RETURNING retailer_id
"""
_LEAVE_ALL: Final = "DELETE FROM test_phones WHERE bucket = $1 AND device_id = $2"


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """To be typed or scanned on the phone. `code` is null when the answer is a replay: it is told once."""

    code: str | None
    label: str
    expires_at: datetime


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """As the phone sees it: which retailer may try things here."""

    test_phone_id: str
    retailer_id: int
    retailer_name: str
    label: str
    accepted_at: datetime


class EnrolledPhone(msgspec.Struct, frozen=True, kw_only=True):
    """As the retailer sees it: nothing of whose phone it is."""

    test_phone_id: str
    label: str
    platform: str
    accepted_at: datetime


class Enrolled(msgspec.Struct, frozen=True):
    """Behind a test phone's id."""

    key: CustomerKey
    device_id: UUID
    retailer_id: int


async def invite(connection: asyncpg.Connection, retailer_id: int, label: str, now: datetime) -> Invitation:
    """A code for one phone. InvalidInput for a label that cannot be shown; Conflict when many are open."""
    if not label.isprintable():
        raise InvalidInput("label cannot be shown.", faults=(Fault("label", "must be printable characters"),))
    await connection.execute(_FORGET_OLD, retailer_id, now)
    if await connection.fetchval(_COUNT, retailer_id) >= MOST_INVITATIONS:
        raise Conflict(f"{MOST_INVITATIONS} invitations are open; each holds for ten minutes.")
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    expires_at = now + INVITATION_HOLDS
    await connection.execute(_INVITE, _hash(code), retailer_id, label, expires_at)
    return Invitation(code=code, label=label, expires_at=expires_at)


async def accept(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID, typed: str) -> Enrolment:
    """This phone becomes a test phone of whoever made the code; one that is so already stays the same.

    InvalidInput for what cannot be a code; NotFound for one that is unknown, used or too old.
    """
    code = _normalise(typed)
    now = await lock_customers(connection, key)
    used = await connection.fetchrow(_USE, _hash(code), now)
    if used is None:
        raise NotFound("There is no such invitation; it may have been used, or be older than ten minutes.")
    test_phone_id = f"tp_{key.bucket:02x}_{secrets.token_hex(8)}"
    retailer_id = used["retailer_id"]
    await connection.execute(_ENROL, *key, device_id, retailer_id, test_phone_id, used["label"], now)
    (enrolment,) = await enrolments_of(connection, key.bucket, device_id, after_id=retailer_id - 1, limit=1)
    return enrolment


async def enrolments_of(
    connection: asyncpg.Connection, bucket: int, device_id: UUID, *, after_id: int, limit: int
) -> Sequence[Enrolment]:
    """Which retailers may try things on this phone, by their ids, those after `after_id`."""
    rows = await connection.fetch(_ENROLLED, bucket, device_id, after_id, limit)
    return [Enrolment(**row) for row in rows]


async def leave(connection: asyncpg.Connection, key: CustomerKey, device_id: UUID, retailer_id: int) -> None:
    """The phone is no test phone of this retailer any more. NotFound if it was none."""
    await lock_customers(connection, key)
    if await connection.fetchval(_LEAVE, key.bucket, device_id, retailer_id) is None:
        raise NotFound("This is no test phone of that business.")


async def leave_all(connection: asyncpg.Connection, bucket: int, device_id: UUID) -> None:
    """The phone is revoked. Its customer is locked by the caller."""
    await connection.execute(_LEAVE_ALL, bucket, device_id)


async def list_test_phones(
    connection: asyncpg.Connection, retailer_id: int, *, after_id: str, limit: int
) -> Sequence[EnrolledPhone]:
    """A retailer's test phones that are in use, by id, those after `after_id`."""
    rows = await connection.fetch(_OF_RETAILER, retailer_id, after_id, limit)
    return [EnrolledPhone(**row) for row in rows]


async def enrolled_phone(
    connection: asyncpg.Connection, retailer_id: int | None, test_phone_id: str
) -> Enrolled:
    """What is behind the id; NotFound for another retailer's. `retailer_id` None: any retailer's."""
    match = _ID.fullmatch(test_phone_id)
    bucket = BUCKETS if match is None else int(match[1], 16)
    row = None
    if bucket < BUCKETS:
        row = await connection.fetchrow(_FIND, bucket, test_phone_id, retailer_id)
    if row is None:
        raise NotFound("There is no such test phone.")
    return Enrolled(CustomerKey(bucket, row["customer_id"]), row["device_id"], row["retailer_id"])


async def remove(connection: asyncpg.Connection, retailer_id: int, test_phone_id: str) -> None:
    """The retailer needs it no more; what is shown on it goes with it. NotFound for another's."""
    found = await enrolled_phone(connection, retailer_id, test_phone_id)
    await lock_somebody(connection, found.key)
    await connection.execute(_REMOVE, found.key.bucket, test_phone_id)


def _normalise(typed: str) -> str:
    code = typed.strip().upper().translate(_HEARD_AS)
    if len(code) != CODE_LENGTH or any(character not in ALPHABET for character in code):
        reason = "must be the ten letters and digits that the business shows you"
        raise InvalidInput(f"code {reason}.", faults=(Fault("code", reason),))
    return code


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
