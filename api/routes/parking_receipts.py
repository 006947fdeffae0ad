"""Receipts of parking over HTTP: as JSON, and as a page to print."""

from typing import Any, Final

from litestar import MediaType, Response, Router, get
from litestar.datastructures import State

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Now, Tx
from api.docs_page.frame import CONTENT_POLICY
from api.languages import AcceptLanguage, spoken_language
from api.receipt_page import render
from api.routes.devices import key_of
from api.routes.parking_stays import SessionId
from api.routes.problems import Accept, wants_page
from offers.handing.plain_words import SpokenLanguage
from offers.parking.receipts import ParkingReceipt, make_receipt
from offers.parking.session_views import Teller
from offers.parking.sessions import owner_of, read_session

_HEADERS: Final = {"cache-control": "no-store", "vary": "Accept, Accept-Language"}


@get(
    "/v1/parking/sessions/{session_id:uuid}/receipt",
    guards=[requires_phone],
    operation_id="readParkingReceipt",
    summary="A receipt of parking",
)
async def read_receipt(
    session_id: SessionId,
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    state: State,
    accept: Accept = "",
    accept_language: AcceptLanguage = None,
) -> Response[ParkingReceipt]:
    """What was paid for which plate, where, when, by which version of the tariff; for browsers a page.

    `money` is `sandbox` where nothing real was paid, and the page says so. Before the session has ended it is
    not final. 409 `not_paid_yet` before it has begun.
    """
    owner = await owner_of(tx, key_of(phone), session_id)
    session = await read_session(tx, owner, session_id)
    receipt = await make_receipt(tx, session, Teller(tx, state.plate_key), now)
    if wants_page(accept):
        return _page(receipt, spoken_language(accept_language, phone.language))
    return Response(receipt, headers=_HEADERS)


def _page(receipt: ParkingReceipt, language: SpokenLanguage) -> Response[Any]:
    headers = {**_HEADERS, "content-language": language, "content-security-policy": CONTENT_POLICY}
    return Response(render(receipt, language), media_type=MediaType.HTML, headers=headers)


router: Final = Router("/", route_handlers=[read_receipt], dependencies=PLAIN, tags=["Parking"])
