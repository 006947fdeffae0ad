"""What a customer may not or will not eat, over HTTP: theirs alone, under a consent of its own."""

from typing import Final

from litestar import Response, Router, delete, get, put
from litestar.params import JSONBody

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.routes.devices import key_of
from offers.people import diets
from offers.people.diets import Eats, KeptDiet

_PRIVATE: Final = {"cache-control": "no-store"}


@get("/v1/me/diet", guards=[requires_phone], operation_id="readDiet", summary="What is kept of what you eat")
async def read_diet(phone: AuthPhone, tx: Tx) -> Response[KeptDiet]:
    """Your allergies and diets, as you put them. 404 where nothing is kept.

    A phone need not have them kept: menus carry allergens and diets, and it can filter by itself.
    """
    return Response(await diets.read_diet(tx, key_of(phone)), headers=_PRIVATE)


@put("/v1/me/diet", guards=[requires_phone], operation_id="putDiet", summary="Have it kept what you eat")
async def put_diet(phone: AuthPhone, tx: Tx, data: JSONBody[Eats]) -> Response[KeptDiet]:
    """Replaces what was kept. For `diet=mine` in `GET /v1/nearby`, on all your phones.

    Only with your explicit consent to `dietary`, which is asked alone (403 `no_dietary_consent`). No retailer
    sees it, no offer uses it, and withdrawing erases it.
    """
    return Response(await diets.put_diet(tx, key_of(phone), data), headers=_PRIVATE)


@delete("/v1/me/diet", guards=[requires_phone], operation_id="deleteDiet", summary="Forget what you eat")
async def delete_diet(phone: AuthPhone, tx: Tx) -> None:
    """At once; the consent stays until you withdraw it. 404 where nothing is kept."""
    await diets.delete_diet(tx, key_of(phone))


router: Final = Router(
    "/", route_handlers=[read_diet, put_diet, delete_diet], dependencies=PLAIN, tags=["Phones"]
)
