"""The dry run over HTTP: what would be decided, rule by rule, with nothing written."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from litestar import Response, Router, post
from litestar.datastructures import State
from litestar.params import JSONBody

from api import audit
from api.auth import AuthKey, Key, requires, tenant_of
from api.database import PLAIN, Now, Tx
from api.languages import AcceptLanguage, spoken_language
from api.requests import only_rehearse
from api.routes.dry_run_forms import (
    DryRun,
    DryRunAnswer,
    FenceCrossed,
    Winner,
    invented_of,
    offer_tried,
    ranking_of,
    refuse_faulty,
)
from api.routes.resources import RetailerId
from geo.errors import Forbidden
from geo.spots import Spot
from offers.buckets import bucket_of
from offers.engine import scenes
from offers.engine.invented import customer_of
from offers.engine.loading import Customer
from offers.engine.rehearsal import Scene, Standpoint, rehearse
from offers.people.customers import CustomerKey
from offers.people.enrolment import enrolled_phone
from offers.people.looks import note_look
from offers.retail.retailers import read_retailer
from offers.terms import Offer


class _Who(msgspec.Struct, frozen=True):
    bucket: int
    customer: Customer
    device_id: UUID


@post(
    "/v1/dry-run",
    guards=[requires("read")],
    status_code=200,
    opt=audit.READS_ONLY,
    operation_id="rehearseDecision",
    summary="What would be decided, if …",
)
async def rehearse_decision(
    state: State,
    tx: Tx,
    now: Now,
    key: AuthKey,
    data: JSONBody[DryRun],
    retailer_id: RetailerId = None,
    accept_language: AcceptLanguage = None,
) -> Response[DryRunAnswer]:
    """Every rule of every offer with its numbers, the outcome, the ranking and who would win, for one
    crossing at one time: of an invented person, or of the person behind a test phone of yours.

    Everything is as it is now, but for the clock and the crossing. Nothing is written, no budget is used and
    nobody is given anything. Offers of other businesses do not take part; an admin who names no retailer has
    all that are there. A real customer is for admins only (403), with a reason that this person can read.
    """
    refuse_faulty(data)
    tenant = None if key.retailer_id is None and retailer_id is None else tenant_of(key, retailer_id)
    if tenant is not None and key.retailer_id is None:
        await read_retailer(tx, tenant)
    at, language = data.at or now, spoken_language(accept_language)
    await _note_look(tx, key, data)
    standpoints = await _standpoints(tx, tenant, data, state.settings.default_time_zone)
    offers = await _offers(tx, tenant, data, standpoints)
    who = await _who(tx, tenant, data, offers, standpoints, at)
    rehearsal = rehearse(
        Scene(
            bucket=who.bucket,
            customer=who.customer,
            device_id=who.device_id,
            at=at,
            trigger=data.trigger,
            standpoints=standpoints,
            offers=offers,
            setting=await scenes.read_setting(tx, offers),
            budgets=await scenes.budget_states(tx, [offer.offer_id for offer in offers], at),
        )
    )
    time_zone = who.customer.person.time_zone
    answer = DryRunAnswer(
        at=at,
        time_zone=time_zone,
        language=language,
        fences=[_fence(one) for one in standpoints],
        offers=[offer_tried(one, language, time_zone) for one in rehearsal.examined],
        ranking=ranking_of(rehearsal, language),
        winner=None
        if rehearsal.winner is None
        else Winner(offer_id=rehearsal.winner[0], fence_id=rehearsal.winner[1]),
    )
    return Response(answer, headers={"content-language": language, "vary": "Accept-Language"})


async def _note_look(tx: asyncpg.Connection, key: Key, data: DryRun) -> None:
    """A look at a real person is written down first; without one, nothing at all is kept."""
    if data.customer is None:
        only_rehearse()
        return
    if key.role != "admin":
        raise Forbidden("Only an admin may look at a real customer.")
    await note_look(tx, _key_of(data.customer.customer_id), key.key_id, data.customer.reason)
    await audit.audit(tx, "customer", None, retailer_id=None, reason=data.customer.reason)


async def _standpoints(
    tx: asyncpg.Connection, tenant: int | None, data: DryRun, default_time_zone: str
) -> list[Standpoint]:
    if data.fence_id is not None:
        return await scenes.stand_in_fence(tx, tenant, data.fence_id, default_time_zone)
    assert data.lat is not None
    assert data.lon is not None
    return await scenes.stand_at(tx, tenant, Spot(lat=data.lat, lon=data.lon), default_time_zone)


async def _offers(
    tx: asyncpg.Connection, tenant: int | None, data: DryRun, standpoints: list[Standpoint]
) -> list[Offer]:
    if data.offer_ids is None:
        offers = await scenes.offers_at(tx, standpoints)
    else:
        offers = await scenes.offers_named(tx, tenant, data.offer_ids)
    return scenes.as_if_active(offers) if data.as_if_active else offers


async def _who(
    tx: asyncpg.Connection,
    tenant: int | None,
    data: DryRun,
    offers: list[Offer],
    standpoints: list[Standpoint],
    at: datetime,
) -> _Who:
    if data.test_phone_id is not None:
        phone = await enrolled_phone(tx, tenant, data.test_phone_id)
        return _Who(phone.key.bucket, await scenes.real_customer(tx, phone.key, at), phone.device_id)
    if data.customer is not None:
        key = _key_of(data.customer.customer_id)
        return _Who(key.bucket, await scenes.real_customer(tx, key, at), key.customer_id)
    assert data.person is not None
    person = invented_of(data.person)
    businesses = {offer.retailer_id for offer in offers} | {one.place.retailer_id for one in standpoints}
    named = {one.offer_id for one in person.history if one.offer_id is not None}
    known = [*offers, *await scenes.offers_known(tx, tenant, named)]
    customer = customer_of(person, known, businesses)
    customer_id = customer.person.customer_id
    return _Who(bucket_of(customer_id), customer, customer_id)


def _key_of(customer_id: UUID) -> CustomerKey:
    return CustomerKey(bucket_of(customer_id), customer_id)


def _fence(one: Standpoint) -> FenceCrossed:
    return FenceCrossed(
        fence_id=one.place.fence_id,
        name=one.name,
        site_id=one.place.site_id,
        distance_m=round(one.distance_m, 1),
    )


router: Final = Router(
    "/",
    route_handlers=[rehearse_decision],
    dependencies=PLAIN,
    tags=["Explaining"],
)
