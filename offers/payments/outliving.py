"""What of payments outlives a person: the ledger's amounts, under an HMAC for every id (docs/adr/0012, 0019).

Owns the moving of ledger entries into proofs, which leaves every balance as it was, and the refusal to
erase a person whose money is on its way at this moment. The periods are in `offers.periods`.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from geo.errors import Unavailable
from offers.people.keys import CustomerKey
from offers.people.proofs import ProofKey

# Money may be moving: an intent is being asked for, or was authorised. One that waits for the person is not
# captured by anybody but us, and lapses by itself.
_ON_ITS_WAY: Final = """
    SELECT 1 FROM payments AS p
    WHERE p.bucket = $1 AND p.customer_id = $2
      AND (p.state = 'authorised' OR (p.state = 'requested' AND p.provider_ref IS NOT NULL)
           OR (p.look_at IS NOT NULL AND p.claimed_until > clock_timestamp()) OR p.refunding_minor > 0)
    LIMIT 1
"""
_ENTRIES: Final = """
    SELECT e.customer_id, e.payment_id, e.kind, e.cause_id, e.debit, e.credit, e.amount_minor, e.currency,
           e.retailer_id, e.posted_at, coalesce(r.provider_ref, p.provider_ref) AS provider_ref
    FROM ledger_entries AS e
    JOIN payments AS p ON p.bucket = e.bucket AND p.customer_id = e.customer_id
                      AND p.payment_id = e.payment_id
    LEFT JOIN refunds AS r ON r.bucket = e.bucket AND r.customer_id = e.customer_id
                          AND r.refund_id = e.cause_id
    WHERE e.bucket = $1 AND e.customer_id = ANY($2::uuid[])
      AND ($3::uuid[] IS NULL OR e.payment_id = ANY($3))
"""
_KEEP: Final = """
    INSERT INTO ledger_proofs (bucket, customer_proof, payment_proof, cause_proof, provider_proof, key_name,
                               kind, debit, credit, amount_minor, currency, retailer_id, posted_on)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING
"""
_FORGET: Final = tuple(
    f"DELETE FROM {table} WHERE bucket = $1"  # noqa: S608 - the names in this line's loop
    " AND customer_id = ANY($2::uuid[]) AND ($3::uuid[] IS NULL OR payment_id = ANY($3))"
    for table in ("ledger_entries", "refunds", "payments")
)


async def refuse_while_money_moves(connection: asyncpg.Connection, key: CustomerKey) -> None:
    """Raises Unavailable while a payment or refund of this locked customer is being settled: for seconds."""
    if await connection.fetchval(_ON_ITS_WAY, *key) is not None:
        raise Unavailable("A payment is being settled at this moment; try again in a minute.")


async def keep_ledger(
    connection: asyncpg.Connection,
    bucket: int,
    customer_ids: Sequence[UUID],
    proof_key: ProofKey,
    payment_ids: list[UUID] | None = None,
) -> int:
    """Prove the entries of these locked customers (only of these payments, if named), and delete the rows.

    How many entries there were. In the caller's transaction: the balances are the same before and after.
    """
    rows = await connection.fetch(_ENTRIES, bucket, list(customer_ids), payment_ids)
    await connection.executemany(
        _KEEP,
        [
            (
                bucket,
                proof_key.proof("customer", row["customer_id"]),
                proof_key.proof("payment", row["payment_id"]),
                proof_key.proof("cause", row["cause_id"]),
                proof_key.proof("provider", row["provider_ref"]),
                proof_key.name,
                row["kind"],
                row["debit"],
                row["credit"],
                row["amount_minor"],
                row["currency"],
                row["retailer_id"],
                row["posted_at"].date(),
            )
            for row in rows
        ],
    )
    for statement in _FORGET:
        await connection.execute(statement, bucket, list(customer_ids), payment_ids)
    return len(rows)
