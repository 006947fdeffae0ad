"""Webhooks of payment providers: signed, believed only to say which payment to look at."""

from typing import Any, Final

from litestar import Request, Router, post
from litestar.datastructures import State

from api.cashier import webhook_secret_of
from geo.errors import NotFound
from offers.payments.cashier import Cashier
from offers.payments.stripe_intents import read_webhook


@post(
    "/v1/payments/webhooks/stripe",
    status_code=204,
    operation_id="hearStripe",
    summary="Webhooks of Stripe",
)
async def hear_stripe(request: Request[Any, Any, Any], state: State) -> None:
    """For Stripe alone: an event, signed in `Stripe-Signature` within the last five minutes of real time.

    Whatever it says, the payment it names is looked at with Stripe itself, so that one which comes twice,
    late, or before the answer to our own request changes nothing. 404 where no webhook secret is set.
    """
    secret = webhook_secret_of(state.settings)
    if secret is None:
        raise NotFound("There is no such thing here.")
    hint = read_webhook(await request.body(), request.headers.get("stripe-signature"), secret)
    if hint is not None:
        cashier: Cashier = state.cashier
        await cashier.heard(hint)


router: Final = Router("/", route_handlers=[hear_stripe], tags=["Payments"])
