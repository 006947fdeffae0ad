"""A person's number plates over HTTP: add, list, rename, delete."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.datastructures import State
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.routes.devices import key_of
from geo.errors import Fault, InvalidInput
from offers.parking import customer_plates
from offers.parking.customer_plates import CustomerPlate
from offers.parking.plates import LONGEST_TYPED, read_plate
from offers.people.customers import read_preferences

_NOT_KEPT: Final = {"cache-control": "no-store"}
_COUNTRY: Final = "ISO 3166; left out: the country you live in, by your preferences."

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=60, description="What you call the car.")]


class PlateDraft(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """As it is written on the car; capitals, spaces and hyphens do not matter."""

    plate: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TYPED)]
    country: Annotated[str | None, msgspec.Meta(description=_COUNTRY)] = None
    label: Label | None = None


class PlateName(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Null takes the name away."""

    label: Label | None


class Plates(msgspec.Struct, frozen=True, kw_only=True):
    """At most 10, in the order in which they were added."""

    items: list[CustomerPlate]


@post(
    "/v1/me/plates",
    guards=[requires_phone],
    operation_id="addPlate",
    summary="Add a number plate",
    status_code=201,
    responses={200: ResponseSpec(CustomerPlate, description="It was yours already.")},
)
async def add_plate(
    phone: AuthPhone, tx: Tx, state: State, data: JSONBody[PlateDraft]
) -> Response[CustomerPlate]:
    """Kept encrypted, at most 10. The same plate once more is the same, with another label if you give one.

    It is checked against how plates look in France, Finland, Germany, Britain, Spain, Italy, Belgium and the
    Netherlands; of other countries any 2 to 12 letters and digits.
    """
    key = key_of(phone)
    country = data.country or (await read_preferences(tx, key)).home
    if country is None:
        fault = Fault("country", "is required: your preferences name none")
        raise InvalidInput("The plate cannot be used.", faults=(fault,))
    plate = read_plate(data.plate, country)
    added, is_new = await customer_plates.add_plate(tx, key, plate, data.label, state.plate_key)
    return Response(added, status_code=201 if is_new else 200, headers=_NOT_KEPT)


@get("/v1/me/plates", guards=[requires_phone], operation_id="listPlates", summary="Your number plates")
async def list_plates(phone: AuthPhone, tx: Tx, state: State) -> Response[Plates]:
    """All of them. One that you did not park with for 13 months (as the operator set it) goes by itself."""
    items = await customer_plates.list_plates(tx, key_of(phone), state.plate_key)
    return Response(Plates(items=items), headers=_NOT_KEPT)


@patch(
    "/v1/me/plates/{plate_id:uuid}",
    guards=[requires_phone],
    operation_id="renamePlate",
    summary="Name a number plate",
)
async def rename_plate(
    phone: AuthPhone, tx: Tx, state: State, plate_id: FromPath[UUID], data: JSONBody[PlateName]
) -> Response[CustomerPlate]:
    """Only its label; another plate is another one."""
    renamed = await customer_plates.rename_plate(tx, key_of(phone), plate_id, data.label, state.plate_key)
    return Response(renamed, headers=_NOT_KEPT)


@delete(
    "/v1/me/plates/{plate_id:uuid}",
    guards=[requires_phone],
    operation_id="deletePlate",
    summary="Delete a number plate",
)
async def delete_plate(phone: AuthPhone, tx: Tx, plate_id: FromPath[UUID]) -> None:
    """At once. A stay that runs with it goes on."""
    await customer_plates.delete_plate(tx, key_of(phone), plate_id)


router: Final = Router(
    "/",
    route_handlers=[add_plate, list_plates, rename_plate, delete_plate],
    dependencies=PLAIN,
    tags=["Parking"],
)
