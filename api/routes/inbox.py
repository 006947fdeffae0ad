"""The inbox over HTTP."""

from typing import Annotated, Final

import msgspec
from litestar import Router, get
from litestar.params import Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.pages import Cursor, Page, read_cursor, write_cursor
from api.routes.devices import key_of
from api.routes.resources import LARGEST_ID
from offers.handing.inbox import MOST_AT_ONCE, InboxDelivery
from offers.handing.inbox import read_inbox as read
from offers.parking.prompts import ParkingPrompt, prompts_in_force


class Inbox(Page[InboxDelivery], kw_only=True):
    """A page of deliveries; `parking_prompts` are services, not offers, and have no `seq`."""

    parking_prompts: list[ParkingPrompt] = msgspec.field(default_factory=list)


@get("/v1/inbox", guards=[requires_phone], operation_id="readInbox", summary="What was given to you")
async def read_inbox(
    phone: AuthPhone,
    tx: Tx,
    after_seq: Annotated[
        int, Parameter(ge=0, le=LARGEST_ID, description="Only what came after this `seq`.")
    ] = 0,
    limit: Annotated[int, Parameter(ge=1, le=MOST_AT_ONCE, description="How many items at most.")] = 50,
    cursor: Cursor = None,
) -> Inbox:
    """Deliveries that have neither expired nor been cancelled, newest first.

    Reading hands them over: show what you get. `cursor` goes on to older ones, `after_seq` leaves
    out what the phone has. Beside the first page stand what you are asked about parking now.
    """
    before = None if cursor is None else read_cursor(cursor)
    key = key_of(phone)
    page = await read(tx, key, after_seq=after_seq, before_seq=before, limit=limit)
    older = None if page.next_before_seq is None else write_cursor(page.next_before_seq)
    prompts = await prompts_in_force(tx, [key]) if before is None else {}
    return Inbox(
        items=list(page.deliveries), next_cursor=older, parking_prompts=prompts.get(key.customer_id, [])
    )


router: Final = Router("/", route_handlers=[read_inbox], dependencies=PLAIN, tags=["Offers on the phone"])
