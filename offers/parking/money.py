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


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a payment stands: `client_secret` is what a phone needs where its bank asks for a proof."""

    payment_id: UUID
    state: str
    client_secret: str | None = None


class Money(Protocol):
    """Payments for parking."""

    async def begin(
        self,
        connection: asyncpg.Connection,
        key: CustomerKey,
        operation_id: UUID,
        purchase_id: UUID,
        amount_minor: int,
        currency: str,
        method: str | None,
        now: datetime,
    ) -> UUID:
        """Ask for the amount; the payment's id. The same `operation_id` again is the same payment.

        Raises InvalidInput (`payment_method`) where there is none.
        """
        ...

    async def give_back(
        self,
        connection: asyncpg.Connection,
        key: CustomerKey,
        operation_id: UUID,
        payment_id: UUID,
        amount_minor: int,
        now: datetime,
    ) -> None:
        """Promise the amount back. The same `operation_id` again is the same refund."""
        ...

    async def settle(self, key: CustomerKey, payment_id: UUID) -> Outcome:
        """Bring it to where it can be brought now; its purchase is decided when this returns."""
        ...
