"""Which limits hold for the person who asks, over HTTP."""

from typing import Annotated, Final

from litestar import Response, Router, get
from litestar.params import Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Now, Tx
from api.languages import AcceptLanguage, spoken_language
from api.routes.devices import key_of
from api.routes.resources import LARGEST_ID
from offers.handing.limits import EffectiveCaps, tell_limits


@get(
    "/v1/caps/effective",
    guards=[requires_phone],
    operation_id="readEffectiveCaps",
    summary="Read which limits bind now",
)
async def read_effective_caps(
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    retailer_id: Annotated[
        int | None, Parameter(ge=1, le=LARGEST_ID, description="Also all limits of this business.")
    ] = None,
    offer_id: Annotated[
        int | None, Parameter(ge=1, le=LARGEST_ID, description="Only the limits of this offer.")
    ] = None,
    accept_language: AcceptLanguage = None,
) -> Response[EffectiveCaps]:
    """Each with what it counts, from when to when, how much is taken, and when it lets the next pass.

    Limits of single businesses are told where something of theirs counts, or for the business you name: one
    that you agreed to hear from, or that has given you something.
    `next_possible_at` goes by limits and quiet hours: consents and the offers themselves may say more.
    """
    language = spoken_language(accept_language, fallback=phone.language)
    limits = await tell_limits(tx, key_of(phone), now, language, retailer_id=retailer_id, offer_id=offer_id)
    return Response(limits, headers={"content-language": language, "vary": "Accept-Language"})


router: Final = Router("/", route_handlers=[read_effective_caps], dependencies=PLAIN, tags=["Phones"])
