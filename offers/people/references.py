"""References: by which name one retailer may know one customer, who asked for it.

A reference is opaque, means nothing to anybody but its retailer, and names its bucket, so that it is
found without looking everywhere; only its hash is kept. It rests on consent to personalisation: without
it there is none, and what was said under it is erased (`offers.people.withdrawal`). What retailers say is
`offers.retail.customer_attributes`'.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from geo.errors import Forbidden, NotFound
from offers.buckets import BUCKETS
from offers.consent import may_personalise
from offers.people.customers import CustomerKey, Gone, lock_customers, lock_somebody, read_grants

_REFERENCE: Final = re.compile(r"cr_([0-9a-f]{2})_[A-Za-z0-9_-]{43}")

_RETAILER: Final = "SELECT name FROM retailers WHERE retailer_id = $1"
_SET: Final = """
    INSERT INTO customer_references (bucket, customer_id, retailer_id, reference_hash, created_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (bucket, customer_id, retailer_id)
    DO UPDATE SET reference_hash = excluded.reference_hash, created_at = excluded.created_at
"""
_FIND: Final = """
    SELECT k.customer_id, c.grants FROM customer_references AS k
    JOIN customers AS c ON c.bucket = k.bucket AND c.customer_id = k.customer_id
    WHERE k.bucket = $1 AND k.reference_hash = $2 AND k.retailer_id = $3
"""
_LIST: Final = """
    SELECT k.retailer_id, r.name AS retailer_name, k.created_at,
           coalesce(a.attributes, '{}') AS attributes, a.updated_at
    FROM customer_references AS k
    JOIN retailers AS r ON r.retailer_id = k.retailer_id
    LEFT JOIN customer_attributes AS a
      ON a.bucket = k.bucket AND a.customer_id = k.customer_id AND a.retailer_id = k.retailer_id
    WHERE k.bucket = $1 AND k.customer_id = $2 AND k.retailer_id > $3
    ORDER BY k.retailer_id LIMIT $4
"""
_END: Final = """
    DELETE FROM customer_references WHERE bucket = $1 AND customer_id = $2 AND retailer_id = $3
    RETURNING retailer_id
"""
_UNSAY: Final = """
    DELETE FROM customer_attributes WHERE bucket = $1 AND customer_id = $2 AND retailer_id = $3
"""

_read_attributes: Final = msgspec.json.Decoder(dict[str, str]).decode


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh reference: told once, to be handed to the retailer. An earlier one is unknown from now on."""

    reference: str
    retailer_id: int
    retailer_name: str
    created_at: datetime


class KnownAs(msgspec.Struct, frozen=True, kw_only=True):
    """A retailer that may know this customer, and what it said. `updated_at` None: nothing yet."""

    retailer_id: int
    retailer_name: str
    created_at: datetime
    attributes: dict[str, str]
    updated_at: datetime | None


async def give_reference(connection: asyncpg.Connection, key: CustomerKey, retailer_id: int) -> Reference:
    """A new reference for this retailer; what it said of the customer stays.

    Forbidden without consent to personalisation, NotFound for an unknown retailer.
    """
    now = await lock_customers(connection, key)
    if not may_personalise(await read_grants(connection, key)):
        raise Forbidden(
            "Personalisation is not consented to; no retailer is given a name for you.",
            code="no_personalisation_consent",
        )
    name = await connection.fetchval(_RETAILER, retailer_id)
    if name is None:
        raise NotFound("There is no such retailer.")
    reference = f"cr_{key.bucket:02x}_{secrets.token_urlsafe(32)}"
    await connection.execute(_SET, *key, retailer_id, _hash(reference), now)
    return Reference(reference=reference, retailer_id=retailer_id, retailer_name=name, created_at=now)


async def list_references(
    connection: asyncpg.Connection, key: CustomerKey, *, after_id: int, limit: int
) -> Sequence[KnownAs]:
    """Who may know this customer and what they said, by retailer id, those after `after_id`."""
    rows = await connection.fetch(_LIST, *key, after_id, limit)
    return [KnownAs(**{**row, "attributes": _read_attributes(row["attributes"])}) for row in rows]


async def end_reference(connection: asyncpg.Connection, key: CustomerKey, retailer_id: int) -> None:
    """The retailer knows the customer no more, and what it said is erased. NotFound if it did not."""
    await lock_customers(connection, key)
    await connection.execute(_UNSAY, *key, retailer_id)
    if await connection.fetchval(_END, *key, retailer_id) is None:
        raise NotFound("This retailer does not know you.")


async def customer_behind(
    connection: asyncpg.Connection, reference: str, retailer_id: int, *, lock: bool = False
) -> tuple[CustomerKey, datetime | None]:
    """Whose reference of this retailer it is; with `lock` the customer is locked, and the time told.

    NotFound for one that is unknown, another retailer's, replaced, or whose customer no longer consents
    to personalisation: all look the same.
    """
    key = await _find(connection, reference, retailer_id)
    if not lock:
        await _refuse_lapsed(connection, key)
        return key, None
    now = await lock_somebody(connection, key)
    # Replaced, ended or withdrawn while we waited?
    return await _find(connection, reference, retailer_id), now


async def _refuse_lapsed(connection: asyncpg.Connection, key: CustomerKey) -> None:
    """A consent that lapsed is taken from the grants by whoever locks the customer next; not by reading."""
    try:
        grants = await read_grants(connection, key)
    except Gone:
        raise _unknown() from None
    if not may_personalise(grants):
        raise _unknown()


async def _find(connection: asyncpg.Connection, reference: str, retailer_id: int) -> CustomerKey:
    match = _REFERENCE.fullmatch(reference)
    bucket = BUCKETS if match is None else int(match[1], 16)
    if bucket >= BUCKETS:
        raise _unknown()
    row = await connection.fetchrow(_FIND, bucket, _hash(reference), retailer_id)
    if row is None or not may_personalise(frozenset(row["grants"])):
        raise _unknown()
    return CustomerKey(bucket, row["customer_id"])


def _unknown() -> NotFound:
    return NotFound("There is no such customer.")


def _hash(reference: str) -> bytes:
    """As of a device token: 256 bits of chance need no slow hash."""
    return hashlib.sha256(reference.encode()).digest()
