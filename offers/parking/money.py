"""What stays ask of payments, and nothing else of them: begin one, decide it, give some of it back.

The seam between parking and `offers.payments`. `begin` and `give_back` only write, in the caller's
transaction under the customer's lock; `settle` asks the provider once that is committed.
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID

import asyncpg
import msgspec

from offers.people.keys import CustomerKey


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be paid, to whom and how: `method` is a token of the provider's."""

    operation_id: UUID
    purchase_id: UUID
    retailer_id: int
    amount_minor: int
    currency: str
    method: str | None


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """What of a payment is to be given back, and why."""

    operation_id: UUID
    payment_id: UUID
    amount_minor: int
    reason: str


class Money(Protocol):
    """Payments for parking."""

    async def begin(self, connection: asyncpg.Connection, key: CustomerKey, due: Due, now: datetime) -> UUID:
        """Ask for the amount; the payment's id. The same `operation_id` again is the same payment."""
        ...

    async def give_back(
        self, connection: asyncpg.Connection, key: CustomerKey, back: Back, now: datetime
    ) -> UUID:
        """Promise the amount back; the refund's id. The same `operation_id` again is the same refund."""
        ...

    async def settle(self, key: CustomerKey, payment_id: UUID) -> None:
        """Bring it to where it can be brought now; its purchase is decided when this returns, or later."""
        ...

    async def settle_refund(self, key: CustomerKey, refund_id: UUID) -> None:
        """The same for what is given back."""
        ...
