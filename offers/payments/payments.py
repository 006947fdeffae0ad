"""The rows of payments: what is asked for, in the caller's transaction, and what of it is told.

Owns `begin_payment` and the reading. Nobody is asked for money here: that is `offers.payments.cashier`'s,
after the COMMIT. Amounts are whole minor units of an ISO 4217 currency.
"""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from geo.errors import Conflict, Fault, InvalidInput, NotFound
from offers.buckets import BUCKETS
from offers.payments.port import Order, ProviderName
from offers.payments.states import State
from offers.people.keys import CustomerKey

LARGEST_MINOR: Final = 99_999_999
# So long after it was asked for, a payment that nobody settled is the reconciler's: machine time.
FIRST_LOOK_S: Final = 10

COLUMNS: Final = (
    "payment_id, operation_id, subject, subject_id, retailer_id, amount_minor, currency, state, provider,"
    " payment_method, provider_ref, client_secret, decline_reason, captured_minor, refunding_minor,"
    " refunded_minor, created_at, settled_at"
)
_ADD: Final = f"""
    INSERT INTO payments (bucket, customer_id, payment_id, operation_id, subject, subject_id, retailer_id,
                          amount_minor, currency, state, payment_method, created_at, look_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'requested', $10, $11,
            clock_timestamp() + make_interval(secs => $12))
    ON CONFLICT (bucket, operation_id) DO NOTHING
    RETURNING {COLUMNS}
"""  # noqa: S608 - names of this module
_OF_OPERATION: Final = f"SELECT {COLUMNS} FROM payments WHERE bucket = $1 AND operation_id = $2"  # noqa: S608 - the same
_READ: Final = f"SELECT {COLUMNS} FROM payments WHERE bucket = $1 AND customer_id = $2 AND payment_id = $3"  # noqa: S608 - the same
_FIND: Final = f"""
    SELECT bucket, customer_id, {COLUMNS} FROM payments
    WHERE bucket = ANY($1::smallint[]) AND payment_id = $2 AND ($3::bigint IS NULL OR retailer_id = $3)
"""  # noqa: S608 - the same
# Newest first; where payments are of one moment, by id.
_LIST: Final = f"""
    SELECT {COLUMNS} FROM payments AS p
    WHERE p.bucket = $1 AND p.customer_id = $2
      AND ($3::uuid IS NULL OR (p.created_at, p.payment_id) < (
          SELECT b.created_at, b.payment_id FROM payments AS b
          WHERE b.bucket = $1 AND b.customer_id = $2 AND b.payment_id = $3))
    ORDER BY p.created_at DESC, p.payment_id DESC LIMIT $4
"""  # noqa: S608 - the same


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One payment as its row is.

    `client_secret` is there only while the state is `requires_action`; `payment_method`, the provider's
    opaque token, only until the payment is settled. `refunding_minor` is asked back but not yet confirmed.
    """

    payment_id: UUID
    operation_id: UUID
    subject: str
    subject_id: UUID
    retailer_id: int
    amount_minor: int
    currency: str
    state: State
    provider: ProviderName | None
    payment_method: str | None
    provider_ref: str | None
    client_secret: str | None
    decline_reason: str | None
    captured_minor: int
    refunding_minor: int
    refunded_minor: int
    created_at: datetime
    settled_at: datetime | None

    def order(self, bucket: int) -> Order:
        return Order(
            bucket=bucket,
            payment_id=self.payment_id,
            amount_minor=self.amount_minor,
            currency=self.currency,
            payment_method=self.payment_method,
        )

    @property
    def refundable_minor(self) -> int:
        return self.captured_minor - self.refunded_minor - self.refunding_minor


async def begin_payment(  # noqa: PLR0913 - a payment is what it is; all are named
    connection: asyncpg.Connection,
    key: CustomerKey,
    *,
    operation_id: UUID,
    subject: str,
    subject_id: UUID,
    retailer_id: int,
    amount_minor: int,
    currency: str,
    now: datetime,
    payment_method: str | None = None,
) -> Payment:
    """Write a payment in state `requested`, in the caller's transaction, which has locked the customer.

    The same `operation_id` again gives the same payment again, as it is by now. After COMMIT, await
    `Cashier.settle(key, payment.payment_id)`. `retailer_id` is who is paid and may refund.
    Raises InvalidInput for an amount or currency that cannot be charged, Conflict `payment_mismatch`
    where the operation began another payment before.
    """
    _check(amount_minor, currency, payment_method)
    asked = (subject, subject_id, retailer_id, amount_minor, currency)
    row = await connection.fetchrow(
        _ADD, *key, uuid4(), operation_id, *asked, payment_method, now, FIRST_LOOK_S
    )
    if row is not None:
        return read_row(row)
    payment = read_row(await connection.fetchrow(_OF_OPERATION, key.bucket, operation_id))
    before = (
        payment.subject, payment.subject_id, payment.retailer_id, payment.amount_minor, payment.currency,
    )  # fmt: skip
    if asked != before:
        raise Conflict("This operation began another payment before.", code="payment_mismatch")
    return payment


async def read_payment(connection: asyncpg.Connection, key: CustomerKey, payment_id: UUID) -> Payment:
    """Raises NotFound; another customer's payment looks the same."""
    row = await connection.fetchrow(_READ, *key, payment_id)
    if row is None:
        raise NotFound("There is no such payment.")
    return read_row(row)


async def find_payment(
    connection: asyncpg.Connection, payment_id: UUID, retailer_id: int | None
) -> tuple[CustomerKey, Payment]:
    """A payment of anybody's to this business (None: to any), and whose it is. Raises NotFound."""
    row = await connection.fetchrow(_FIND, list(range(BUCKETS)), payment_id, retailer_id)
    if row is None:
        raise NotFound("There is no such payment.")
    members = dict(row)
    key = CustomerKey(members.pop("bucket"), members.pop("customer_id"))
    return key, Payment(**members)


async def list_payments(
    connection: asyncpg.Connection, key: CustomerKey, *, after: UUID | None, at_most: int
) -> list[Payment]:
    """Newest first, those that come after the payment `after`."""
    return [read_row(row) for row in await connection.fetch(_LIST, *key, after, at_most)]


def read_row(row: asyncpg.Record) -> Payment:
    return Payment(**dict(row))


def _check(amount_minor: int, currency: str, payment_method: str | None) -> None:
    faults = []
    if not 1 <= amount_minor <= LARGEST_MINOR:
        faults.append(Fault("amount_minor", f"must be 1 to {LARGEST_MINOR}"))
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()):
        faults.append(Fault("currency", "is not three capital letters (ISO 4217)"))
    if payment_method is not None and not (
        1 <= len(payment_method) <= 255 and payment_method.isascii() and payment_method.isprintable()
    ):
        faults.append(Fault("payment_method", "is not the provider's token of 1 to 255 characters"))
    if faults:
        raise InvalidInput("This cannot be charged.", faults=tuple(faults))
