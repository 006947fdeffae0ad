"""Reach forecasts over HTTP: how many people came by lately, for an offer or for a shape."""

from typing import Final

from litestar import Router, get, post
from litestar.params import JSONBody

from api.audit import READS_ONLY
from api.auth import AuthKey, requires, tenant_of
from api.database import ORM, Now, Session
from api.routes.fence_forms import FenceFeature, edit_of
from api.routes.fences import refuse_faulty
from api.routes.resources import Id, RetailerId, existing_tenant
from geo.fence_neighbours import overlaps_of
from offers.retail.catalogue import offer_of
from offers.retail.reach import Reach, reach_of_offer, reach_of_shape

_COUNTED: Final = (
    "Distinct people by crossing, over the last 7 and 28 full days, and how many of them could be given it"
    " by their consents as they are now. Only people who consented to measurement count, from then on."
    " Fewer than ten are never told, and numbers are rounded to tens by a draw that keeps to the question:"
    " from two of them nobody can be singled out."
)


@get(
    "/v1/offers/{offer_id:int}/reach",
    guards=[requires("read")],
    operation_id="forecastOfferReach",
    summary="How many people an offer may reach",
    description=f"For each crossing that triggers it, in all its fences. {_COUNTED}",
    tags=["Offers"],
)
async def reach_of_one(
    session: Session, now: Now, key: AuthKey, offer_id: Id, retailer_id: RetailerId = None
) -> Reach:
    offer = await offer_of(session, tenant_of(key, retailer_id), offer_id)
    return await reach_of_offer(session, offer, now)


@post(
    "/v1/fences/reach",
    guards=[requires("read")],
    status_code=200,
    opt=READS_ONLY,
    operation_id="forecastFenceReach",
    summary="How many people come by a shape",
    description="The same body as for creating a fence; nothing is saved. Positions are not kept, so what is"
    " counted are crossings of your own fences that overlap the shape: `basis` names them, with the part of"
    f" each that lies within. {_COUNTED}",
    tags=["Fences"],
)
async def reach_of_draft(
    session: Session,
    now: Now,
    key: AuthKey,
    data: JSONBody[FenceFeature],
    retailer_id: RetailerId = None,
) -> Reach:
    tenant = await existing_tenant(session, key, retailer_id)
    edit = edit_of(data, "")
    await refuse_faulty(session, tenant, edit)
    return await reach_of_shape(session, tenant, await overlaps_of(session, tenant, edit.shape), now)


router: Final = Router(
    "/",
    route_handlers=[reach_of_one, reach_of_draft],
    dependencies=ORM,
    security=[{"retailerKey": []}],
)
