"""Lift over HTTP: what an offer, or all of them together, does for return visits."""

from datetime import datetime
from typing import Annotated, Final

from litestar import Router, get
from litestar.params import Parameter

from api.auth import AuthKey, requires, tenant_of
from api.database import PLAIN, Now, Tx
from api.routes.resources import Id, RetailerId
from geo.errors import Fault, InvalidInput
from offers.retail.measuring import MeasuredLift, lift_of_everything, lift_of_offer

Since = Annotated[
    datetime | None,
    Parameter(
        description="Leave out exposures before this time (RFC 3339), such as before the percentage changed."
    ),
]


@get(
    "/v1/offers/{offer_id:int}/lift",
    guards=[requires("read")],
    operation_id="measureOffer",
    summary="What an offer does for return visits",
    description="People who were given it against people who were held out of it (`holdout_percent`), by the"
    " first time for each: how many stayed at the same site again, one hour to seven days later. Only people"
    " who consent to measurement. The 95 % intervals are Newcombe's for the difference, Donner and Zou's for"
    " the ratio. Look at `sizes` and `visits_before` first: an unbalanced draw measures nothing.",
)
async def measure_offer(
    tx: Tx, now: Now, key: AuthKey, offer_id: Id, since: Since = None, retailer_id: RetailerId = None
) -> MeasuredLift:
    return await lift_of_offer(tx, tenant_of(key, retailer_id), offer_id, now, _past(since, now))


@get(
    "/v1/lift",
    guards=[requires("admin")],
    operation_id="measureEverything",
    summary="What all offers together do for return visits",
    description="The same against people who are held out of everything. For admins.",
)
async def measure_everything(tx: Tx, now: Now, since: Since = None) -> MeasuredLift:
    return await lift_of_everything(tx, now, _past(since, now))


def _past(since: datetime | None, now: datetime) -> datetime | None:
    if since is None:
        return None
    reason = "has no time zone" if since.tzinfo is None else "is in the future" if since > now else None
    if reason is not None:
        raise InvalidInput("A parameter is not as expected.", faults=(Fault("since", reason),))
    return since


router: Final = Router(
    "/",
    route_handlers=[measure_offer, measure_everything],
    dependencies=PLAIN,
    tags=["Reports"],
    security=[{"retailerKey": []}],
)
