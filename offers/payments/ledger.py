"""The ledger: double entry, append-only. A row moves an amount from one account to another.

That is what balances it: there is no row whose two sides differ, so the lines of every transaction sum to 0
(docs/adr/0021). The key of a row lets a capture or a refund be posted once. Accounts are

- `provider:<name>`: what the provider holds for us,
- `payee:<retailer id>:<subject>`: what is owed to that business for that subject.

Only this module writes entries, and never changes one; a person's become proofs when the person goes
(`offers.payments.outliving`).
"""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg
import msgspec

from offers.payments.payments import Payment
from offers.people.keys import CustomerKey

_POST: Final = """
    INSERT INTO ledger_entries (bucket, customer_id, payment_id, kind, cause_id, debit, credit, amount_minor,
                                currency, retailer_id, posted_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_BALANCES: Final = """
    SELECT account, currency, sum(amount_minor)::bigint AS balance_minor, count(*) AS lines
    FROM ledger_lines WHERE $1::bigint IS NULL OR retailer_id = $1
    GROUP BY account, currency ORDER BY currency, account
"""
_TOTALS: Final = """
    SELECT currency, sum(amount_minor)::bigint AS ledger_balance_minor
    FROM ledger_lines WHERE $1::bigint IS NULL OR retailer_id = $1
    GROUP BY currency ORDER BY currency
"""
# Of every payment of somebody who is there: what the books say it brought must be what its row says.
_UNMATCHED: Final = """
    SELECT count(*) FROM payments AS p
    LEFT JOIN (
        SELECT bucket, customer_id, payment_id,
               coalesce(sum(amount_minor) FILTER (WHERE kind = 'capture'), 0) AS captured_minor,
               coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund'), 0) AS refunded_minor
        FROM ledger_entries GROUP BY bucket, customer_id, payment_id
    ) AS e ON e.bucket = p.bucket AND e.customer_id = p.customer_id AND e.payment_id = p.payment_id
    WHERE ($1::bigint IS NULL OR p.retailer_id = $1)
      AND (p.captured_minor <> coalesce(e.captured_minor, 0)
           OR p.refunded_minor <> coalesce(e.refunded_minor, 0))
"""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """One account in one currency: debits less credits."""

    account: str
    currency: str
    balance_minor: int
    lines: int


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Over all accounts: 0, or the books are wrong."""

    currency: str
    ledger_balance_minor: int


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """`unmatched_payments`: rows that say another amount than the ledger does; 0, or something is wrong."""

    accounts: list[Balance]
    totals: list[Total]
    unmatched_payments: int


async def post_capture(
    connection: asyncpg.Connection, key: CustomerKey, payment: Payment, now: datetime
) -> None:
    """Money came in. Fails (23505) where it was posted before."""
    await _post(connection, key, payment, "capture", payment.payment_id, payment.captured_minor, now)


async def post_refund(
    connection: asyncpg.Connection,
    key: CustomerKey,
    payment: Payment,
    refund_id: UUID,
    amount_minor: int,
    now: datetime,
) -> None:
    """Money went back. Fails (23505) where it was posted before."""
    await _post(connection, key, payment, "refund", refund_id, amount_minor, now)


async def read_books(connection: asyncpg.Connection, retailer_id: int | None = None) -> Books:
    """All books, or those of one business."""
    balances = await connection.fetch(_BALANCES, retailer_id)
    totals = await connection.fetch(_TOTALS, retailer_id)
    return Books(
        accounts=[Balance(**dict(row)) for row in balances],
        totals=[Total(**dict(row)) for row in totals],
        unmatched_payments=await connection.fetchval(_UNMATCHED, retailer_id),
    )


async def _post(
    connection: asyncpg.Connection,
    key: CustomerKey,
    payment: Payment,
    kind: Literal["capture", "refund"],
    cause_id: UUID,
    amount_minor: int,
    now: datetime,
) -> None:
    sides = f"provider:{payment.provider}", f"payee:{payment.retailer_id}:{payment.subject}"
    debit, credit = sides if kind == "capture" else sides[::-1]
    await connection.execute(
        _POST, *key, payment.payment_id, kind, cause_id, debit, credit, amount_minor, payment.currency,
        payment.retailer_id, now,
    )  # fmt: skip
