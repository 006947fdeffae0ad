"""What drivers are asked about parking, over HTTP."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Router, get, post
from litestar.params import Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.pages import Page
from api.routes.devices import key_of
from offers.parking.prompts import ParkingPrompt, answer_prompt, prompts_in_force
from offers.people.customers import lock_customers


@get(
    "/v1/parking/prompts",
    guards=[requires_phone],
    operation_id="listParkingPrompts",
    summary="What you are asked about parking",
)
async def list_prompts(phone: AuthPhone, tx: Tx) -> Page[ParkingPrompt]:
    """What waits for an answer now, oldest first.

    You are asked once when a car that this phone rides in stops where parking is to be paid at that time
    (`pay`: choose one of the zones, the likeliest first), and when it drives off while a session runs
    (`stop`); for both you have to agree to location for parking, and to nothing else. Before a session ends
    you are reminded (`ending`). The same comes in the answer to the fix, in the inbox and on the live
    stream. It counts toward no limit on offers, and quiet hours do not silence it. Starting, extending or
    stopping the session answers it; else it is over after half an hour.
    """
    key = key_of(phone)
    return Page(items=(await prompts_in_force(tx, [key])).get(key.customer_id, []))


@post(
    "/v1/parking/prompts/{prompt_id:uuid}/dismiss",
    status_code=204,
    guards=[requires_phone],
    operation_id="dismissParkingPrompt",
    summary="No, thank you",
)
async def dismiss_prompt(
    prompt_id: Annotated[UUID, Parameter(description="Of the prompt.")], phone: AuthPhone, tx: Tx
) -> None:
    """It is not shown again on any of your phones; what it asked about goes on as it is."""
    key = key_of(phone)
    now = await lock_customers(tx, key)
    await answer_prompt(tx, key, prompt_id, now)


router: Final = Router(
    "/", route_handlers=[list_prompts, dismiss_prompt], dependencies=PLAIN, tags=["Parking"]
)
