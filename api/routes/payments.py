"""Payments over HTTP: one's own for a phone; the books, a payment and its refund for who was paid.

Nothing is paid from here: what is bought begins its payment (`offers.payments.payments.begin_payment`).
"""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.params import JSONBody, Parameter

from api import audit
from api.auth import AuthKey, AuthPhone, requires, requires_phone, tenant_of
from api.database import PLAIN, Tx
from api.idempotency import OperationId, once_required
from api.pages import Cursor, Limit, Page, page_of, read_text_cursor
from api.routes.devices import key_of
from api.routes.payment_forms import (
    PaymentInFull,
    PaymentOfBusiness,
    PaymentTold,
    RefundDraft,
    RefundTold,
    in_full,
    of_business,
    refund_told,
    told,
)
from api.routes.resources import RetailerId, tenant_or_operator
from geo.errors import Fault, InvalidInput
from offers.payments.cashier import Cashier
from offers.payments.ledger import Books, read_books
from offers.payments.payments import find_payment, list_payments, read_payment
from offers.payments.refunds import begin_refund, list_refunds
from offers.people.customers import lock_somebody
from offers.retail.retailers import read_retailer

PaymentId = Annotated[UUID, Parameter(description="The payment, as it was told when it began.")]


@get(
    "/v1/me/payments",
    guards=[requires_phone],
    operation_id="listMyPayments",
    summary="Your payments",
    tags=["Payments"],
)
async def list_my_payments(
    phone: AuthPhone, tx: Tx, state: State, limit: Limit = 50, cursor: Cursor = None
) -> Page[PaymentTold]:
    """Newest first, of all your phones. Kept for 400 days; then only the books keep amounts, without you."""
    cashier: Cashier = state.cashier
    rows = await list_payments(tx, key_of(phone), after=_read_after(cursor), at_most=limit + 1)
    page = page_of(rows, limit, lambda one: str(one.payment_id))
    items = [told(one, is_test_money=cashier.is_test_money(one)) for one in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@get(
    "/v1/me/payments/{payment_id:uuid}",
    guards=[requires_phone],
    operation_id="readMyPayment",
    summary="One payment of yours",
    tags=["Payments"],
)
async def read_my_payment(payment_id: PaymentId, phone: AuthPhone, tx: Tx, state: State) -> PaymentInFull:
    """How it stands. While it is `requires_action`, `client_secret` lets the provider's form on the phone
    confirm it (3-D Secure, or naming a card); ask again until the state is another one.
    """
    payment = await read_payment(tx, key_of(phone), payment_id)
    cashier: Cashier = state.cashier
    return in_full(payment, is_test_money=cashier.is_test_money(payment))


@get(
    "/v1/payments/ledger",
    guards=[requires("read")],
    operation_id="readLedger",
    summary="The books",
    tags=["Operations"],
)
async def read_ledger(key: AuthKey, tx: Tx, retailer_id: RetailerId = None) -> Books:
    """Balances by account and currency, double entry: debits less credits. For a retailer its own; for an
    admin who names nobody, everything.

    Every `ledger_balance_minor` is 0 and so is `unmatched_payments`; anything else is a fault of this
    server, and a reason to stop and look.
    """
    tenant = tenant_or_operator(key, retailer_id)
    if tenant is not None and key.retailer_id is None:
        await read_retailer(tx, tenant)
    return await read_books(tx, tenant)


@get(
    "/v1/payments/{payment_id:uuid}",
    guards=[requires("read")],
    operation_id="readPayment",
    summary="A payment and its refunds",
    tags=["Payments"],
)
async def read_payment_of_business(
    payment_id: PaymentId, key: AuthKey, tx: Tx, state: State, retailer_id: RetailerId = None
) -> PaymentOfBusiness:
    """For the business that was paid, or an admin. It does not say who paid."""
    whose, payment = await find_payment(tx, payment_id, await _tenant(key, tx, retailer_id))
    refunds = await list_refunds(tx, whose, payment_id)
    cashier: Cashier = state.cashier
    return of_business(payment, refunds, is_test_money=cashier.is_test_money(payment))


@post(
    "/v1/payments/{payment_id:uuid}/refund",
    status_code=202,
    guards=[requires("manage")],
    before_request=once_required,
    operation_id="refundPayment",
    summary="Give money back",
    tags=["Payments"],
)
async def refund_payment(
    payment_id: PaymentId,
    key: AuthKey,
    tx: Tx,
    state: State,
    operation_id: OperationId,
    data: JSONBody[RefundDraft],
    retailer_id: RetailerId = None,
) -> Response[RefundTold]:
    """All that is left, or a part: never more than was captured, however many ask at once.

    The refund is taken on (202) before the provider is asked; `GET /v1/payments/{payment_id}` tells what
    became of it. Needs an `Idempotency-Key`: a retry refunds nothing more.
    """
    assert operation_id is not None, "the route requires an Idempotency-Key"
    tenant = await _tenant(key, tx, retailer_id)
    whose, payment = await find_payment(tx, payment_id, tenant)
    now = await lock_somebody(tx, whose)
    refund = await begin_refund(
        tx, whose, operation_id=operation_id, payment_id=payment_id, amount_minor=data.amount_minor,
        reason=data.reason, now=now, first_key_id=key.first_key_id,
    )  # fmt: skip
    # Not which payment: the audit log outlives people.
    audit.tell("payment", retailer_id=payment.retailer_id)
    cashier: Cashier = state.cashier
    # After the answer, which is after the COMMIT; a crash in between leaves it to the reconciler.
    settle = BackgroundTask(cashier.settle_refund, whose, refund.refund_id)
    return Response(refund_told(refund), status_code=202, background=settle)


async def _tenant(key: AuthKey, tx: Tx, retailer_id: int | None) -> int | None:
    """Whose payments may be meant; None: anybody's, for an admin."""
    tenant = tenant_or_operator(key, retailer_id)
    if tenant is not None and key.retailer_id is None:
        await read_retailer(tx, tenant_of(key, tenant))
    return tenant


def _read_after(cursor: str | None) -> UUID | None:
    text = read_text_cursor(cursor)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidInput(
            "The cursor is not one of ours.", faults=(Fault("cursor", "is malformed"),)
        ) from None


of_phones: Final = Router(
    "/",
    route_handlers=[list_my_payments, read_my_payment],
    dependencies=PLAIN,
    security=[{"deviceToken": []}],
)
router: Final = Router(
    "/",
    route_handlers=[read_ledger, read_payment_of_business, refund_payment],
    dependencies=PLAIN,
    security=[{"retailerKey": []}],
)
