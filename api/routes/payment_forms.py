"""How payments and refunds are told over HTTP: to the person who paid, and to the business that was paid."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from offers.payments.payments import LARGEST_MINOR, Payment
from offers.payments.refunds import Refund
from offers.payments.states import RefundState, State


class PaymentTold(msgspec.Struct, frozen=True, kw_only=True):
    """Money in whole minor units of `currency` (ISO 4217).

    `is_test_money`: nobody was charged; it is null before a provider was asked. `refunding_minor` is asked
    back and not yet confirmed. `subject` and `subject_id` say what was paid for.
    """

    payment_id: UUID
    subject: str
    subject_id: UUID
    retailer_id: int
    amount_minor: int
    currency: str
    state: State
    provider: Literal["sandbox", "stripe"] | None
    is_test_money: bool | None
    decline_reason: str | None
    captured_minor: int
    refunding_minor: int
    refunded_minor: int
    created_at: datetime
    settled_at: datetime | None


class PaymentInFull(PaymentTold, frozen=True, kw_only=True):
    """With `client_secret` while the state is `requires_action`: for the provider's form on the phone."""

    client_secret: str | None


class RefundTold(msgspec.Struct, frozen=True, kw_only=True):
    """A refund: `requested` until the provider has answered, then `refunded` or `failed`."""

    refund_id: UUID
    payment_id: UUID
    amount_minor: int
    state: RefundState
    reason: str
    created_at: datetime
    settled_at: datetime | None


class PaymentOfBusiness(PaymentTold, frozen=True, kw_only=True):
    """With its refunds, oldest first, and the provider's own reference. Nothing in it names the person."""

    provider_ref: str | None
    refunds: list[RefundTold]


class RefundDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`amount_minor` left out: all that is left. The person reads the reason."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    amount_minor: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_MINOR)] | None = None


def told(payment: Payment, *, is_test_money: bool | None) -> PaymentTold:
    return PaymentTold(**_members(payment, is_test_money))


def in_full(payment: Payment, *, is_test_money: bool | None) -> PaymentInFull:
    return PaymentInFull(**_members(payment, is_test_money), client_secret=payment.client_secret)


def of_business(payment: Payment, refunds: list[Refund], *, is_test_money: bool | None) -> PaymentOfBusiness:
    return PaymentOfBusiness(
        **_members(payment, is_test_money),
        provider_ref=payment.provider_ref,
        refunds=[refund_told(one) for one in refunds],
    )


def refund_told(refund: Refund) -> RefundTold:
    return RefundTold(**{name: getattr(refund, name) for name in RefundTold.__struct_fields__})


def _members(payment: Payment, is_test_money: bool | None) -> dict[str, Any]:
    names = [name for name in PaymentTold.__struct_fields__ if name != "is_test_money"]
    return {**{name: getattr(payment, name) for name in names}, "is_test_money": is_test_money}
