"""Which limits bind a customer now, over HTTP."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from litestar import Router, get
from litestar.params import Parameter

from api.auth import AuthPhone, requires_phone
from api.database import PLAIN, Tx
from api.routes.devices import key_of
from api.routes.resources import LARGEST_ID
from offers.effective_caps import Bound, for_customer, next_undisturbed
from offers.engine.loading import load_customers
from offers.engine.snapshot import read_limits
from offers.quiet_hours import quiet_until
from offers.terms import Channel, Offer

_NOW: Final = "SELECT alentour_now()"

OfRetailer = Annotated[
    int | None,
    Parameter(
        ge=1, le=LARGEST_ID, description="Also the limits of this retailer under which nothing counts."
    ),
]


class EffectiveCap(msgspec.Struct, frozen=True, kw_only=True):
    """One limit as it stands for you. `retailer_id` null: it counts everybody's offers.

    `window_ends_at` is when the calendar's next window begins, or the first slot of a rolling one gets free
    (null: none is taken). `next_possible_at` null: never.
    """

    cap_id: int
    scope: Literal["system", "each_retailer", "retailer", "offer"]
    retailer_id: int | None
    offer_id: int | None
    channel: Channel | None
    tag: str | None
    at_most: int
    counted: int
    is_reached: bool
    window_starts_at: datetime
    window_ends_at: datetime | None
    next_possible_at: datetime | None


class EffectiveCaps(msgspec.Struct, frozen=True, kw_only=True):
    """All limits as of `as_of`. `quiet_until` null: it is not quiet now.

    `next_possible_at` is when the next ordinary push offer may come, if nothing else is given before: limits
    and quiet hours considered. Null: never.
    """

    as_of: datetime
    quiet_until: datetime | None
    next_possible_at: datetime | None
    caps: list[EffectiveCap]


@get(
    "/v1/caps/effective",
    guards=[requires_phone],
    operation_id="readEffectiveCaps",
    summary="Read which limits bind now",
)
async def read_effective_caps(phone: AuthPhone, tx: Tx, retailer_id: OfRetailer = None) -> EffectiveCaps:
    """How many offers were counted under each limit, over all your phones, and when the next may come."""
    now = await tx.fetchval(_NOW)
    key = key_of(phone)
    customer = (await load_customers(tx, {(key.bucket, key.customer_id): False}, now))[key.customer_id]
    caps, defaults = await read_limits(tx)
    person, history = customer.person, customer.history
    return EffectiveCaps(
        as_of=now,
        quiet_until=quiet_until(person, defaults, now),
        next_possible_at=next_undisturbed(caps, _ordinary(retailer_id), history, person, defaults, now),
        caps=[_told(one) for one in for_customer(caps, history, person.time_zone, now, retailer_id)],
    )


def _ordinary(retailer_id: int | None) -> Offer:
    """An offer that only the limits on everything, and this retailer's, are asked about."""
    return Offer(
        offer_id=0, retailer_id=retailer_id or 0, status="active", content={}, triggers=(), channel="push"
    )


def _told(bound: Bound) -> EffectiveCap:
    cap = bound.cap
    return EffectiveCap(
        cap_id=cap.cap_id,
        scope=cap.scope,
        retailer_id=bound.retailer_id,
        offer_id=cap.offer_id,
        channel=cap.channel,
        tag=cap.tag,
        at_most=cap.at_most,
        counted=bound.counted,
        is_reached=bound.is_reached,
        window_starts_at=bound.window_start,
        window_ends_at=bound.window_end,
        next_possible_at=bound.next_possible_at,
    )


router: Final = Router("/", route_handlers=[read_effective_caps], dependencies=PLAIN, tags=["Phones"])
