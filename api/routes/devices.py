"""Phones over HTTP: registering, joining a customer, tokens, revoking."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Database, Tx
from api.languages import AcceptLanguage, spoken_language
from api.rates import COST, Rates, pays_by_address
from offers.people import joining, linking
from offers.people.customers import CustomerKey
from offers.people.devices import Device, DeviceStatus, Platform, revoke_device, rotate_token
from offers.people.linking import Link, LinkCode
from offers.people.registration import (
    LONGEST_INSTALLATION_ID,
    LONGEST_LABEL,
    SHORTEST_INSTALLATION_ID,
    Application,
    link_code_refused,
    register,
)
from offers.terms import AgeBand

# A fresh token is a fresh allowance for fixes, which know a phone by its token alone.
ROTATION_COST: Final = 100


class DeviceDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`installation_id` is made by the app at random, at first start, and told nobody else.

    Who knows it can get a token of this device. `link_code` joins the customer whose first phone
    shows it. Zone, language, `age_band` (as the person says; `unknown` counts as a minor) and `country`
    (ISO 3166) are those of a new customer; one there is keeps theirs.
    """

    installation_id: Annotated[
        str, msgspec.Meta(min_length=SHORTEST_INSTALLATION_ID, max_length=LONGEST_INSTALLATION_ID)
    ]
    platform: Platform
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_LABEL)] | None = None
    time_zone: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    language: Annotated[str, msgspec.Meta(max_length=35)] | None = None
    link_code: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    age_band: AgeBand = "unknown"
    country: Annotated[str, msgspec.Meta(max_length=2)] | None = None


class RegisteredDevice(msgspec.Struct, kw_only=True):
    """The token is told only here. While `pending` it opens nothing: the first phone must confirm."""

    device_id: UUID
    customer_id: UUID
    token: str
    status: DeviceStatus


class NewToken(msgspec.Struct, kw_only=True):
    """Told only here. The token in use stays valid until this one is first used."""

    token: str


def key_of(phone: AuthPhone) -> CustomerKey:
    return CustomerKey(phone.bucket, phone.customer_id)


@post(
    "/v1/devices",
    guards=[pays_by_address],
    operation_id="registerDevice",
    summary="Register a phone",
    responses={
        200: ResponseSpec(RegisteredDevice, description="Known: the same device with a fresh token."),
    },
)
async def register_device(
    request: Request[Any, Any, State],
    data: JSONBody[DeviceDraft],
    state: State,
    accept_language: AcceptLanguage = None,
) -> Response[RegisteredDevice]:
    """201 for a new device, 200 when the installation is known: the same device, a fresh token.

    The token in use stays valid until the fresh one is first used, so a lost answer costs nothing.
    Without `link_code` a new customer is made. With one, the device is `pending` until the first
    phone confirms; an installation that was somebody's stays that until then, its old token works,
    and only the yes revokes its old device. Every wrong, expired or used-up code is answered alike:
    409 `link_code_refused`.
    """
    application = Application(
        installation_id=data.installation_id,
        platform=data.platform,
        time_zone=state.settings.default_time_zone if data.time_zone is None else data.time_zone,
        language=spoken_language(accept_language) if data.language is None else data.language,
        label=data.label,
        link_code=data.link_code,
        age_band=data.age_band,
        country=data.country,
    )
    database: Database = state.database
    # A transaction of its own: a refused code is an error answer, but the spent try must stay spent.
    async with database.transaction() as tx:
        registration = await register(tx, application)
    if registration is None:
        rates: Rates = state.rates
        rates.failed(request.scope)
        raise link_code_refused()
    return Response(
        RegisteredDevice(
            device_id=registration.device_id,
            customer_id=registration.customer_id,
            token=registration.token,
            status=registration.status,
        ),
        status_code=201 if registration.is_new else 200,
        headers={"cache-control": "no-store"},
    )


@post(
    "/v1/me/link-codes",
    guards=[requires_phone],
    operation_id="makeLinkCode",
    summary="Let a second phone join",
)
async def make_link_code(phone: AuthPhone, tx: Tx) -> LinkCode:
    """A code of eight characters, good for ten minutes and five tries.

    An earlier one stops working: ask again freely.
    """
    return await linking.create_link_code(tx, key_of(phone))


LinkCodeId = Annotated[str, Parameter(max_length=32, description="`code_id` of the code.")]


@get(
    "/v1/me/link-codes/{code_id:str}",
    guards=[requires_phone],
    operation_id="readLinkCode",
    summary="See whether a code was used",
)
async def read_link_code(phone: AuthPhone, tx: Tx, code_id: LinkCodeId) -> Link:
    """`to_confirm` names the phone that used the code: show it to the person before confirming."""
    key = key_of(phone)
    return await linking.read_link(tx, key, code_id)


@post(
    "/v1/me/link-codes/{code_id:str}/confirm",
    status_code=200,
    guards=[requires_phone],
    operation_id="confirmLinkCode",
    summary="Say yes to the second phone",
)
async def confirm_link_code(phone: AuthPhone, tx: Tx, code_id: LinkCodeId) -> Link:
    """The pending phone becomes active, within ten minutes of using the code. To say no, revoke it.

    If the phone was somebody's before, that device is revoked now. What it was given there counts
    toward the limits here, unless another phone goes on there.
    """
    return await joining.confirm_link(tx, key_of(phone), code_id)


@post(
    "/v1/me/token/rotate",
    status_code=200,
    guards=[requires_phone],
    opt={COST: ROTATION_COST},
    operation_id="rotateToken",
    summary="Get a new token",
)
async def rotate(phone: AuthPhone, tx: Tx) -> Response[NewToken]:
    """The present token stays valid until the new one is first used."""
    token = await rotate_token(tx, key_of(phone), phone.device_id)
    return Response(NewToken(token=token), status_code=200, headers={"cache-control": "no-store"})


@post(
    "/v1/me/devices/{device_id:uuid}/revoke",
    status_code=200,
    guards=[requires_phone],
    operation_id="revokeDevice",
    summary="Revoke a phone of yours",
)
async def revoke(phone: AuthPhone, tx: Tx, device_id: FromPath[UUID]) -> Device:
    """This phone or another of the same customer: its tokens stop working, where it was is forgotten."""
    return await revoke_device(tx, key_of(phone), device_id)


router: Final = Router(
    "/",
    route_handlers=[
        register_device,
        make_link_code,
        read_link_code,
        confirm_link_code,
        rotate,
        revoke,
    ],
    dependencies=PLAIN,
    tags=["Phones"],
)
