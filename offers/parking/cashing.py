"""Payments for parking by the cashier of `offers.payments`: the one implementation of `offers.parking.money`.

What the provider decides comes back by the hook, in the transaction that writes it.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from offers.parking import settled
from offers.parking.money import Back, Due
from offers.payments.cashier import Cashier
from offers.payments.payments import Payment, begin_payment
from offers.payments.refunds import begin_refund
from offers.people.keys import CustomerKey

SUBJECT: Final = "parking"


class CashierMoney:
    """One in each worker; made before the first payment is settled, since it registers the hook."""

    def __init__(self, cashier: Cashier) -> None:
        self._cashier = cashier
        cashier.register(SUBJECT, self.decided)

    async def begin(self, connection: asyncpg.Connection, key: CustomerKey, due: Due, now: datetime) -> UUID:
        payment = await begin_payment(
            connection,
            key,
            operation_id=due.operation_id,
            subject=SUBJECT,
            subject_id=due.purchase_id,
            retailer_id=due.retailer_id,
            amount_minor=due.amount_minor,
            currency=due.currency,
            payment_method=due.method,
            now=now,
        )
        return payment.payment_id

    async def give_back(
        self, connection: asyncpg.Connection, key: CustomerKey, back: Back, now: datetime
    ) -> UUID:
        refund = await begin_refund(
            connection,
            key,
            operation_id=back.operation_id,
            payment_id=back.payment_id,
            amount_minor=back.amount_minor,
            reason=back.reason,
            now=now,
        )
        return refund.refund_id

    async def settle(self, key: CustomerKey, payment_id: UUID) -> None:
        await self._cashier.settle(key, payment_id)

    async def settle_refund(self, key: CustomerKey, refund_id: UUID) -> None:
        await self._cashier.settle_refund(key, refund_id)

    async def decided(
        self, connection: asyncpg.Connection, key: CustomerKey, payment: Payment, now: datetime
    ) -> None:
        """The hook: what a state of a payment means to the stay that it is for."""
        if payment.state == "captured":
            await settled.money_came(
                connection, key, self, payment.subject_id, payment.payment_id, payment.amount_minor, now
            )
        elif payment.state in {"partially_refunded", "refunded"}:
            amount_minor = payment.refunded_minor + payment.refunding_minor
            await settled.money_went_back(connection, key, payment.subject_id, amount_minor, now)
        elif payment.state in {"declined", "cancelled"}:
            await settled.no_money_came(connection, key, payment.subject_id, now)
