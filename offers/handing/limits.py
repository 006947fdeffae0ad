"""The limits that hold for one customer now, read and told: caps, and the quiet hours.

Reading and telling; what a cap means is `offers.caps`', how it stands `offers.effective_caps`'.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import asyncpg
import msgspec

from geo.errors import NotFound
from offers.effective_caps import Bound, for_customer, for_offer, next_undisturbed
from offers.engine.loading import Customer, load_customers
from offers.engine.snapshot import OFFERS, as_offer, read_limits
from offers.handing.limit_words import say_limit, say_order, say_quiet
from offers.handing.plain_words import SpokenLanguage
from offers.people.customers import CustomerKey
from offers.quiet_hours import quiet_times, quiet_until
from offers.terms import Channel, Defaults, Offer, Person

# A draft is nobody's business but its retailer's.
_OFFER: Final = f"{OFFERS} WHERE o.offer_id = $1 AND o.status <> 'draft'"
_NAMES: Final = "SELECT retailer_id, name FROM retailers WHERE retailer_id = ANY($1::bigint[])"


class EffectiveCap(msgspec.Struct, frozen=True, kw_only=True):
    """One limit as it stands: at most `at_most` in its window, of which `counted` are taken.

    `retailer_id`: whose offers it counts; null: everybody's. `window_ends_at`: when the calendar's window
    ends, or the first slot of a rolling one gets free; null: none is taken. `next_possible_at`: when this
    limit lets one more pass; null: never.
    """

    cap_id: int
    scope: Literal["system", "each_retailer", "retailer", "offer"]
    retailer_id: int | None
    retailer_name: str | None
    offer_id: int | None
    channel: Channel | None
    tag: str | None
    window: Literal["rolling", "calendar"]
    rolling_s: int | None
    calendar: Literal["day", "week", "month"] | None
    window_starts_at: datetime
    window_ends_at: datetime | None
    at_most: int
    counted: int
    is_reached: bool
    next_possible_at: datetime | None
    text: str


class QuietNow(msgspec.Struct, frozen=True, kw_only=True):
    """The quiet hours that hold for this customer, and whether it is quiet now. `until` null: it is not."""

    start: str
    end: str
    set_by: Literal["customer", "system"]
    is_quiet: bool
    until: datetime | None
    text: str


class EffectiveCaps(msgspec.Struct, frozen=True, kw_only=True):
    """All limits in the order in which they are inherited, `text` says how.

    `next_possible_at` is when the next offer may come, if nothing else is given before, limits and quiet
    hours considered: the one that was asked about, else an ordinary one by notification. Null: never.
    """

    as_of: datetime
    time_zone: str
    language: SpokenLanguage
    text: str
    caps: list[EffectiveCap]
    next_possible_at: datetime | None
    quiet_hours: QuietNow


async def tell_limits(
    connection: asyncpg.Connection,
    key: CustomerKey,
    now: datetime,
    language: SpokenLanguage,
    *,
    retailer_id: int | None = None,
    offer_id: int | None = None,
) -> EffectiveCaps:
    """How the limits stand.

    NotFound for a retailer or an offer there is not, an offer of another one, and for those that the person
    has nothing to do with: who may send nothing and has given nothing binds nobody.
    """
    offer = None if offer_id is None else await _offer(connection, offer_id, retailer_id)
    customers = await load_customers(connection, {(key.bucket, key.customer_id): False}, now)
    if key.customer_id not in customers:
        raise NotFound("There is no such customer.")
    customer = customers[key.customer_id]
    _refuse_strangers(customer, retailer_id, offer)
    caps, defaults = await read_limits(connection)
    time_zone, history = customer.person.time_zone, customer.history
    if offer is not None:
        bounds = for_offer(caps, offer, history, time_zone, now)
    else:
        bounds = for_customer(caps, history, time_zone, now, retailer_id)
    names = await _names(connection, {one.retailer_id for one in bounds if one.retailer_id is not None})
    return EffectiveCaps(
        as_of=now,
        time_zone=time_zone,
        language=language,
        text=say_order(language, ignores_caps=offer is not None and offer.ignores_caps),
        caps=[_told(one, names, language, time_zone) for one in bounds],
        next_possible_at=next_undisturbed(
            caps, offer or _ordinary(retailer_id), history, customer.person, defaults, now
        ),
        quiet_hours=_quiet(customer.person, defaults, language, now),
    )


async def _offer(connection: asyncpg.Connection, offer_id: int, retailer_id: int | None) -> Offer:
    row = await connection.fetchrow(_OFFER, offer_id)
    if row is None or retailer_id not in {None, row["retailer_id"]}:
        raise NotFound("There is no such offer.")
    return as_offer(row)


def _refuse_strangers(customer: Customer, retailer_id: int | None, offer: Offer | None) -> None:
    asked = retailer_id if offer is None else offer.retailer_id
    channels: tuple[Channel, ...] = ("push", "inbox")
    may_send = asked is None or any(customer.person.grants_marketing(asked, one) for one in channels)
    if not may_send and all(past.retailer_id != asked for past in customer.history):
        raise NotFound("There is no such retailer." if offer is None else "There is no such offer.")


async def _names(connection: asyncpg.Connection, retailer_ids: Iterable[int]) -> dict[int, str]:
    rows = await connection.fetch(_NAMES, list(retailer_ids))
    return {row["retailer_id"]: row["name"] for row in rows}


def _ordinary(retailer_id: int | None) -> Offer:
    """An offer without tags, of this retailer, or of one that has given nothing yet."""
    return Offer(
        offer_id=0,
        retailer_id=retailer_id or 0,
        status="active",
        content={},
        triggers=(),
        channel="push",
    )


def _told(bound: Bound, names: dict[int, str], language: SpokenLanguage, time_zone: str) -> EffectiveCap:
    cap = bound.cap
    retailer = None if bound.retailer_id is None else names.get(bound.retailer_id)
    return EffectiveCap(
        cap_id=cap.cap_id,
        scope=cap.scope,
        retailer_id=bound.retailer_id,
        retailer_name=retailer,
        offer_id=cap.offer_id,
        channel=cap.channel,
        tag=cap.tag,
        window=cap.window,
        rolling_s=cap.rolling_s,
        calendar=cap.calendar_unit,
        window_starts_at=bound.window_start,
        window_ends_at=bound.window_end,
        at_most=cap.at_most,
        counted=bound.counted,
        is_reached=bound.is_reached,
        next_possible_at=bound.next_possible_at,
        text=say_limit(bound, retailer, language, time_zone),
    )


def _quiet(person: Person, defaults: Defaults, language: SpokenLanguage, now: datetime) -> QuietNow:
    start, end = (f"{one:%H:%M}" for one in quiet_times(person, defaults))
    until = quiet_until(person, defaults, now)
    return QuietNow(
        start=start,
        end=end,
        set_by="system" if person.quiet_start is None else "customer",
        is_quiet=until is not None,
        until=until,
        text=say_quiet(start, end, until, language, person.time_zone),
    )
