"""Diagnosis over HTTP: why an offer does not run."""

from typing import Final

from litestar import Response, Router, get
from litestar.datastructures import State

from api.auth import AuthKey, requires, tenant_of
from api.database import PLAIN, Now, Tx
from api.languages import AcceptLanguage, spoken_language
from api.routes.resources import Id, RetailerId
from offers.retail.diagnosing import Diagnosis, diagnose_offer


@get(
    "/v1/offers/{offer_id:int}/diagnose",
    guards=[requires("read")],
    operation_id="diagnoseOffer",
    summary="Why an offer does not run",
    description="What blocks it, what limits it, and hints, each with a stable code, a sentence (English or"
    " French) and its numbers; when it is possible next as far as all times go, up to a year ahead; how"
    " crossings ended for it in the last 7 and 28 days.",
)
async def diagnose_one(
    state: State,
    tx: Tx,
    now: Now,
    key: AuthKey,
    offer_id: Id,
    retailer_id: RetailerId = None,
    accept_language: AcceptLanguage = None,
) -> Response[Diagnosis]:
    language = spoken_language(accept_language)
    diagnosis = await diagnose_offer(
        tx, tenant_of(key, retailer_id), offer_id, now, language, state.settings.default_time_zone
    )
    return Response(diagnosis, headers={"content-language": language, "vary": "Accept-Language"})


router: Final = Router(
    "/",
    route_handlers=[diagnose_one],
    dependencies=PLAIN,
    tags=["Reports"],
    security=[{"retailerKey": []}],
)
