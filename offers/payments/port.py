"""The payment port: what a provider is asked, and what it answers. Knows no provider and no rows.

A charge takes steps so that a lost answer can never charge twice, with or without the provider's
idempotency keys (docs/adr/0021): `open` makes an intent, which moves no money and whose reference is
committed before anything else happens; `authorise` and `capture` move that one intent, which can be done
only once; `look` says how it stands.
"""

from collections.abc import Awaitable, Callable
from typing import ClassVar, Literal, Protocol, TypeAlias
from uuid import UUID

import msgspec

ProviderName: TypeAlias = Literal["sandbox", "stripe"]
IntentState: TypeAlias = Literal[
    "open", "requires_action", "authorised", "captured", "declined", "cancelled", "processing"
]
RefundAnswer: TypeAlias = Literal["pending", "refunded", "failed"]


class ProviderSilent(Exception):
    """No answer, or none that says what happened: ask again later, by looking."""


class ProviderRefused(Exception):
    """It will not do this now (wrong state, wrong key, wrong account); what it did before is unchanged."""


class PaymentMethodUnknown(Exception):
    """There is no such payment method: what the phone sent was no token of the provider's."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be paid. `payment_id` is the idempotency key of everything about it.

    Without a `payment_method` the phone names one, to the provider itself.
    """

    bucket: int
    payment_id: UUID
    amount_minor: int
    currency: str
    payment_method: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an intent stands. `client_secret` lets the phone confirm while `requires_action`."""

    state: IntentState
    client_secret: str | None = None
    reason: str | None = None


class RefundOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a refund stands: `pending` will change, the others will not."""

    state: RefundAnswer
    refund_ref: str | None


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, reduced to what is believed of it: something happened to this payment; look."""

    provider: ProviderName
    provider_ref: str
    bucket: int | None
    payment_id: UUID | None


Listener: TypeAlias = Callable[[Hint], Awaitable[object]]


class Provider(Protocol):
    """Every call ends within `patience_s`; all raise ProviderSilent and ProviderRefused."""

    name: ClassVar[ProviderName]
    is_test_money: bool
    patience_s: float

    async def open(self, order: Order) -> str:
        """The reference of a new intent (the same again for the same order, where the provider can).

        Raises PaymentMethodUnknown as well.
        """

    async def authorise(self, provider_ref: str, order: Order) -> Outcome:
        """Reserve the amount; without a method, wait for the phone to name one."""

    async def capture(self, provider_ref: str, order: Order) -> Outcome:
        """Take what was reserved."""

    async def cancel(self, provider_ref: str) -> None:
        """Let go of what was not captured."""

    async def look(self, provider_ref: str, order: Order) -> Outcome: ...

    async def refund(
        self, provider_ref: str, order: Order, refund_id: UUID, amount_minor: int
    ) -> RefundOutcome:
        """Give back so much, once per `refund_id`: one that was made before is found, not made again."""

    def listen(self, listener: Listener) -> None:
        """Whom to tell of webhooks that do not come over HTTP."""

    async def close(self) -> None: ...
