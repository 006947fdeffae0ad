"""Link codes: how a second phone joins a customer, with the first phone's yes.

A code is eight Crockford base32 characters. The first four name the row (the low six bits of the
first two are the bucket), the last four are the secret, of which only a hash is kept. It lives
for ten minutes and five tries; a right try still needs to be confirmed on the first phone. Every
refusal looks the same, so that guessing teaches nothing.

Registering the phone itself is in `offers.people.registration`, what the yes does in
`offers.people.joining`.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import asyncpg
import msgspec

from geo.errors import Conflict, NotFound
from offers.buckets import BUCKETS
from offers.codes import ALPHABET
from offers.people.customers import CustomerKey, lock_customers
from offers.people.installations import Installation

LENGTH: Final = 8
_NAME_LENGTH: Final = 4
LIFETIME: Final = timedelta(minutes=10)
_HEARD_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_ATTEMPTS: Final = 8

LinkState = Literal["waiting", "to_confirm", "confirmed", "expired", "used_up", "refused"]

_NOW: Final = "SELECT alentour_now()"
_FORGET_OLD: Final = "DELETE FROM link_codes WHERE bucket = $1 AND customer_id = $2"
# Another customer's row may hold the same name; once long expired it is nobody's. Never waited for.
_FREE_NAME: Final = """
    DELETE FROM link_codes WHERE (bucket, code_id) IN (
        SELECT bucket, code_id FROM link_codes
        WHERE bucket = $1 AND code_id = $2 AND expires_at < $3 FOR UPDATE SKIP LOCKED)
"""
_ADD: Final = """
    INSERT INTO link_codes (bucket, code_id, customer_id, secret_hash, expires_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING code_id
"""
_OWNER: Final = "SELECT customer_id FROM link_codes WHERE bucket = $1 AND code_id = $2"
# Right or wrong, a try is spent before the secret is compared.
_SPEND_TRY: Final = """
    UPDATE link_codes SET tries_left = tries_left - 1
    WHERE bucket = $1 AND customer_id = $2 AND code_id = $3
      AND tries_left > 0 AND used_at IS NULL AND expires_at > $4
    RETURNING secret_hash
"""
_USE: Final = """
    UPDATE link_codes SET used_at = $4, device_id = $5, installation_bucket = $6, installation_hash = $7
    WHERE bucket = $1 AND customer_id = $2 AND code_id = $3
"""
_STATE: Final = """
    SELECT l.tries_left, l.expires_at, l.used_at, l.device_id, d.platform, d.label,
           d.status AS device_status
    FROM link_codes AS l
    LEFT JOIN devices AS d ON d.bucket = l.bucket AND d.device_id = l.device_id
    WHERE l.bucket = $1 AND l.code_id = $3 AND l.customer_id = $2
"""
_STILL_CONFIRMABLE: Final = """
    SELECT 1 FROM link_codes
    WHERE bucket = $1 AND customer_id = $2 AND device_id = $3 AND used_at > $4
"""
_CAME_BY: Final = """
    SELECT device_id FROM link_codes
    WHERE bucket = $1 AND customer_id = $2 AND code_id = $3
      AND installation_bucket = $4 AND installation_hash = $5
"""
_USED_BY: Final = """
    SELECT installation_bucket, installation_hash FROM link_codes
    WHERE bucket = $1 AND customer_id = $2 AND code_id = $3 AND installation_hash IS NOT NULL
"""


class LinkCode(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh code, to be read or scanned off the first phone. `code` is shown only once."""

    code: str
    code_id: str
    expires_at: datetime


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """How a code stands. The phone that used it is named, so that the person can recognise it."""

    code_id: str
    state: LinkState
    expires_at: datetime
    device_id: UUID | None
    platform: str | None
    label: str | None


async def create_link_code(connection: asyncpg.Connection, key: CustomerKey) -> LinkCode:
    """A new code of this customer; an earlier one stops working."""
    now = await lock_customers(connection, key)
    await connection.execute(_FORGET_OLD, *key)
    for _ in range(_ATTEMPTS):
        code = _new_code(key.bucket)
        name = code[:_NAME_LENGTH]
        await connection.execute(_FREE_NAME, key.bucket, name, now - LIFETIME)
        row = (key.bucket, name, key.customer_id, _hash(code), now + LIFETIME)
        if await connection.fetchval(_ADD, *row) is not None:
            return LinkCode(code=code, code_id=name, expires_at=now + LIFETIME)
    raise Conflict("No link code is free at this moment; try again.", code="no_link_code_free")


def normalise_link_code(typed: str) -> str | None:
    """The code as it was made, from what somebody typed; None if it cannot be one."""
    code = typed.strip().upper().translate(_HEARD_AS)
    is_code = len(code) == LENGTH and all(character in ALPHABET for character in code)
    return code if is_code else None


async def owner_of_code(connection: asyncpg.Connection, code: str) -> CustomerKey | None:
    """Whose code this is, going by its first half. The secret half is for `try_code`."""
    bucket = (ALPHABET.index(code[0]) * 32 + ALPHABET.index(code[1])) % BUCKETS
    customer_id = await connection.fetchval(_OWNER, bucket, code[:_NAME_LENGTH])
    return None if customer_id is None else CustomerKey(bucket, customer_id)


async def try_code(connection: asyncpg.Connection, owner: CustomerKey, code: str, now: datetime) -> bool:
    """Spend one of the tries and say whether the code is right. Its owner is locked."""
    kept = await connection.fetchval(_SPEND_TRY, *owner, code[:_NAME_LENGTH], now)
    return kept is not None and hmac.compare_digest(bytes(kept), _hash(code))


async def use_code(
    connection: asyncpg.Connection,
    owner: CustomerKey,
    code: str,
    device_id: UUID,
    installation: Installation,
    now: datetime,
) -> None:
    """Remember that this installation, as a device that is pending until confirmed, came by this code."""
    await connection.execute(_USE, *owner, code[:_NAME_LENGTH], now, device_id, *installation)


async def came_by(
    connection: asyncpg.Connection, owner: CustomerKey, code: str, installation: Installation
) -> UUID | None:
    """The device that this installation already became by this code: it asks again as an answer was lost."""
    device_id: UUID | None = await connection.fetchval(_CAME_BY, *owner, code[:_NAME_LENGTH], *installation)
    return device_id


async def used_by(connection: asyncpg.Connection, key: CustomerKey, code_id: str) -> Installation | None:
    """Which installation used a code of this customer. It does not change any more."""
    row = await connection.fetchrow(_USED_BY, *key, code_id)
    return None if row is None else Installation(*row)


async def is_confirmable(
    connection: asyncpg.Connection, key: CustomerKey, device_id: UUID, now: datetime
) -> bool:
    """Whether the first phone may still say yes to this pending device."""
    return await connection.fetchval(_STILL_CONFIRMABLE, *key, device_id, now - LIFETIME) is not None


async def read_link(connection: asyncpg.Connection, key: CustomerKey, code_id: str) -> Link:
    now = await connection.fetchval(_NOW)
    row = await connection.fetchrow(_STATE, *key, code_id)
    if row is None:
        raise NotFound("There is no such link code.")
    return Link(
        code_id=code_id,
        state=_state(row, now),
        expires_at=row["expires_at"],
        device_id=row["device_id"],
        platform=row["platform"],
        label=row["label"],
    )


def _state(row: asyncpg.Record, now: datetime) -> LinkState:
    if row["used_at"] is None:
        if row["expires_at"] <= now:
            return "expired"
        return "waiting" if row["tries_left"] > 0 else "used_up"
    if row["device_status"] == "active":
        return "confirmed"
    if row["device_status"] != "pending":
        return "refused"
    return "to_confirm" if row["used_at"] > now - LIFETIME else "expired"


def _new_code(bucket: int) -> str:
    number = ((secrets.randbelow(16) * BUCKETS + bucket) << 30) | secrets.randbits(30)
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
