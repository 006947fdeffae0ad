"""Forgetting what is simply too old: crossings, reasons, link codes, looks, counts, ended keys.

Owns the deleting, bucket by bucket in short transactions, by the domain's clock. The periods are in
`offers.periods`. Any number of workers may forget at once: rows that another one holds are left to it.
What has to be counted or proven before it goes is `offers.people.leaving`'s.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from offers.buckets import BUCKETS
from offers.periods import (
    AUDIT_KEPT,
    CROSSINGS_KEPT,
    DELIVERIES_KEPT,
    ENDED_KEYS_KEPT,
    LINK_CODES_KEPT,
    LOOKS_KEPT,
    PROMPTS_KEPT,
    QUOTES_KEPT,
    REASONS_KEPT,
    SUPPRESSIONS_KEPT,
)

AT_ONCE: Final = 5_000

_NOW: Final = "SELECT alentour_now()"

_DELETE_CROSSINGS: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, customer_id, crossing_id FROM crossings
    WHERE bucket = $1 AND occurred_at < $2
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM crossings AS c USING old
WHERE c.bucket = $1 AND c.bucket = old.bucket AND c.customer_id = old.customer_id
  AND c.crossing_id = old.crossing_id
"""

_DELETE_LINK_CODES: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, code_id FROM link_codes
    WHERE bucket = $1 AND expires_at < $2
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM link_codes AS l USING old
WHERE l.bucket = $1 AND l.bucket = old.bucket AND l.code_id = old.code_id
"""

# They hold for an hour, and nobody is shown one that is over.
_DELETE_PREVIEWS: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, device_id, preview_id FROM previews
    WHERE bucket = $1 AND expires_at < $2
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM previews AS p USING old
WHERE p.bucket = $1 AND p.bucket = old.bucket AND p.device_id = old.device_id
  AND p.preview_id = old.preview_id
"""

_DELETE_PROMPTS: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, customer_id, prompt_id FROM parking_prompts
    WHERE bucket = $1 AND expires_at < $2
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM parking_prompts AS p USING old
WHERE p.bucket = $1 AND p.bucket = old.bucket AND p.customer_id = old.customer_id
  AND p.prompt_id = old.prompt_id
"""

_DELETE_QUOTES: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, customer_id, quote_id FROM parking_quotes
    WHERE bucket = $1 AND expires_at < $2
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM parking_quotes AS q USING old
WHERE q.bucket = $1 AND q.bucket = old.bucket AND q.customer_id = old.customer_id
  AND q.quote_id = old.quote_id
"""

# Stays that never began, with the purchases whose payments failed.
_DELETE_DROPPED: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, customer_id, session_id FROM parking_sessions
    WHERE bucket = $1 AND created_at < $2 AND state = 'dropped'
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM parking_sessions AS s USING old
WHERE s.bucket = $1 AND s.bucket = old.bucket AND s.customer_id = old.customer_id
  AND s.session_id = old.session_id
"""

# What inspectors saw of people who are erased, once it is over. The bucket is the plate's.
_DELETE_RIGHTS: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, plate_hmac, right_id FROM parking_rights
    WHERE bucket = $1 AND is_nobodys AND covered_until < $2
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM parking_rights AS r USING old
WHERE r.bucket = $1 AND r.bucket = old.bucket AND r.plate_hmac = old.plate_hmac AND r.right_id = old.right_id
"""

_DELETE_LOOKS: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, customer_id, look_id FROM customer_looks
    WHERE bucket = $1 AND looked_at < $2
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM customer_looks AS l USING old
WHERE l.bucket = $1 AND l.bucket = old.bucket AND l.customer_id = old.customer_id
  AND l.look_id = old.look_id
"""

_DELETE_HOLDOUTS: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, customer_id, offer_id FROM holdouts
    WHERE bucket = $1 AND decided_at < $2
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
DELETE FROM holdouts AS h USING old
WHERE h.bucket = $1 AND h.bucket = old.bucket AND h.customer_id = old.customer_id
  AND h.offer_id = old.offer_id
"""
_EMPTY_HOLDOUTS: Final = """
WITH old AS MATERIALIZED (
    SELECT bucket, customer_id, offer_id FROM holdouts
    WHERE bucket = $1 AND decided_at < $2 AND trace::text <> '[]'
    LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE holdouts AS h SET trace = '[]' FROM old
WHERE h.bucket = $1 AND h.bucket = old.bucket AND h.customer_id = old.customer_id
  AND h.offer_id = old.offer_id
"""

# Of nobody, and few.
_DELETE_SUPPRESSIONS: Final = "DELETE FROM decision_totals WHERE hour < $1"
_DELETE_INVITATIONS: Final = "DELETE FROM test_phone_invitations WHERE expires_at < $1"
_DELETE_KEYS: Final = "DELETE FROM api_keys WHERE least(revoked_at, expires_at) < $1"

_WITH_REASONS: Final = """
SELECT customer_id, delivery_id FROM deliveries
WHERE bucket = $1 AND decided_at < $2 AND trace::text <> '[]'
LIMIT $3
"""
_LOCK: Final = """
SELECT FROM customers WHERE bucket = $1 AND customer_id = ANY($2::uuid[])
ORDER BY bucket, customer_id FOR NO KEY UPDATE
"""
_EMPTY: Final = """
UPDATE deliveries AS d SET trace = '[]'
FROM unnest($2::uuid[], $3::uuid[]) AS old(customer_id, delivery_id)
WHERE d.bucket = $1 AND d.customer_id = old.customer_id AND d.delivery_id = old.delivery_id
"""


# Refuses to delete anything of the last year, whatever it is given.
_DELETE_AUDIT: Final = "SELECT forget_audit_entries($1, $2)"


class Forgotten(NamedTuple):
    """How many of each."""

    crossings: int
    reasons: int
    link_codes: int
    audit_entries: int = 0
    looks: int = 0
    holdouts: int = 0
    suppressions: int = 0
    api_keys: int = 0
    previews: int = 0
    parking_prompts: int = 0
    parking_quotes: int = 0
    parking_dropped: int = 0
    parking_rights: int = 0
    invitations: int = 0


# Rows of people that go as they are: how, and how long after the time that the statement compares.
_OF_BUCKETS: Final[Mapping[str, tuple[str, timedelta]]] = {
    "crossings": (_DELETE_CROSSINGS, CROSSINGS_KEPT),
    "link_codes": (_DELETE_LINK_CODES, LINK_CODES_KEPT),
    "looks": (_DELETE_LOOKS, LOOKS_KEPT),
    "holdouts": (_DELETE_HOLDOUTS, DELIVERIES_KEPT),
    "previews": (_DELETE_PREVIEWS, timedelta()),
    "parking_prompts": (_DELETE_PROMPTS, PROMPTS_KEPT),
    "parking_quotes": (_DELETE_QUOTES, QUOTES_KEPT),
    "parking_dropped": (_DELETE_DROPPED, QUOTES_KEPT),
    "parking_rights": (_DELETE_RIGHTS, timedelta()),
}


async def forget(pool: asyncpg.Pool, at_once: int = AT_ONCE) -> Forgotten:
    """Forget all that is too old now, at most `at_once` rows in one transaction."""
    now: datetime = await pool.fetchval(_NOW)

    async def delete(statement: str, kept: timedelta, bucket: int) -> int:
        return _count(await pool.execute(statement, bucket, now - kept, at_once))

    async def reasons(bucket: int) -> int:
        return await _empty_traces(pool, bucket, now - REASONS_KEPT, at_once)

    async def audit_entries() -> int:
        forgotten: int = await pool.fetchval(_DELETE_AUDIT, now - AUDIT_KEPT, at_once)
        return forgotten

    of_holdouts = functools.partial(delete, _EMPTY_HOLDOUTS, REASONS_KEPT)
    of_buckets = {
        name: await _everywhere(functools.partial(delete, statement, kept), at_once)
        for name, (statement, kept) in _OF_BUCKETS.items()
    }
    return Forgotten(
        **of_buckets,
        reasons=await _everywhere(reasons, at_once) + await _everywhere(of_holdouts, at_once),
        audit_entries=await _until_done(audit_entries, at_once),
        suppressions=_count(await pool.execute(_DELETE_SUPPRESSIONS, now - SUPPRESSIONS_KEPT)),
        api_keys=_count(await pool.execute(_DELETE_KEYS, now - ENDED_KEYS_KEPT)),
        invitations=_count(await pool.execute(_DELETE_INVITATIONS, now)),
    )


async def _everywhere(piece: Callable[[int], Awaitable[int]], at_once: int) -> int:
    """Piece after piece of every bucket, until one is not full."""
    total = 0
    for bucket in range(BUCKETS):
        total += await _until_done(functools.partial(piece, bucket), at_once)
    return total


async def _until_done(piece: Callable[[], Awaitable[int]], at_once: int) -> int:
    total = 0
    while True:
        done = await piece()
        total += done
        if done < at_once:
            return total


async def _empty_traces(pool: asyncpg.Pool, bucket: int, before: datetime, at_once: int) -> int:
    """A trace never fills again, so what was found before the lock still holds under it."""
    async with pool.acquire() as connection, connection.transaction():
        old = await connection.fetch(_WITH_REASONS, bucket, before, at_once)
        if not old:
            return 0
        customers = [row["customer_id"] for row in old]
        await connection.execute(_LOCK, bucket, customers)
        deliveries = [row["delivery_id"] for row in old]
        return _count(await connection.execute(_EMPTY, bucket, customers, deliveries))


def _count(tag: str) -> int:
    """The number at the end of `DELETE 12`."""
    return int(tag.rpartition(" ")[2])
