"""One delivery over HTTP: what became of it on the phone, and why it was given."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.languages import AcceptLanguage, spoken_language
from api.routes.devices import key_of
from offers.handing.delivery_events import DeliveryEvent, DeliveryReports, note_event
from offers.handing.till_codes import TillCode, claim_code
from offers.handing.why import Why, explain


class Event(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`at` is when it happened on the phone; without it, now."""

    event: DeliveryEvent
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


@post(
    "/v1/deliveries/{delivery_id:uuid}/events",
    status_code=200,
    guards=[requires_phone],
    operation_id="reportDeliveryEvent",
    summary="Say what became of a delivery",
)
async def report_event(
    phone: AuthPhone,
    tx: Tx,
    delivery_id: FromPath[UUID],
    data: JSONBody[Event],
) -> DeliveryReports:
    """shown, opened, dismissed or less_like_this. The earliest time of each is kept: repeat freely.

    An expired delivery still takes events, for a phone that was offline. A cancelled one takes none
    (409 `delivery_cancelled`), nor does one that no phone was given yet (409 `delivery_not_handed`).
    An offer that was dismissed, or of which less is wanted, is not given to this person again.
    """
    return await note_event(tx, key_of(phone), delivery_id, data.event, data.at)


@get(
    "/v1/deliveries/{delivery_id:uuid}/why",
    guards=[requires_phone],
    operation_id="explainDelivery",
    summary="Why this?",
)
async def explain_delivery(
    phone: AuthPhone, tx: Tx, delivery_id: FromPath[UUID], accept_language: AcceptLanguage = None
) -> Response[Why]:
    """Rule by rule in plain words, with the consent it rests on and how to take that back.

    In English or French, by Accept-Language, else by the customer's language.
    """
    language = spoken_language(accept_language, fallback=phone.language)
    why = await explain(tx, key_of(phone), delivery_id, language)
    return Response(why, headers={"content-language": language, "vary": "Accept-Language"})


@post(
    "/v1/deliveries/{delivery_id:uuid}/code",
    status_code=200,
    guards=[requires_phone],
    operation_id="claimCode",
    summary="The code to show at the till",
)
async def claim_code_of(phone: AuthPhone, tx: Tx, delivery_id: FromPath[UUID]) -> TillCode:
    """`payload` is to be drawn in `format`. The same delivery gives the same code, however often it is asked.

    Where the business has codes of its own, this is when one is taken for the customer.
    """
    return await claim_code(tx, key_of(phone), delivery_id)


router: Final = Router(
    "/",
    route_handlers=[report_event, explain_delivery, claim_code_of],
    dependencies=PLAIN,
    tags=["Offers on the phone"],
)
