"""Which limits bind one customer now, from when to when each counts, and when the next offer may come.

The same counting as `offers.caps`, asked of the caps themselves instead of one offer. Pure; the sentences
are `offers.handing.limit_words`'.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from geo.wall_clock import later, moment_of, wall_time
from offers.caps import applies, binding, counted, window_start
from offers.quiet_hours import quiet_until
from offers.terms import Cap, Defaults, Offer, PastDelivery, Person

# The order in which limits are inherited: what the system sets, then a retailer, then for one offer.
ORDER: Final = ("system", "each_retailer", "retailer", "offer")

_MOMENT: Final = timedelta(microseconds=1)


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """One cap as it stands for one customer.

    `retailer_id` is whose deliveries it counts (None: everybody's). The window began at `window_start`;
    at `window_end` the calendar's next one begins, or of a rolling one the first slot gets free (None: none
    is taken). `next_possible_at` is when this cap lets one more pass; None: never.
    """

    cap: Cap
    retailer_id: int | None
    counted: int
    window_start: datetime
    window_end: datetime | None
    next_possible_at: datetime | None

    @property
    def is_reached(self) -> bool:
        return self.counted >= self.cap.at_most


def standing(cap: Cap, offer: Offer, history: Sequence[PastDelivery], time_zone: str, now: datetime) -> Bound:
    """How this cap, which applies to the offer, stands for whoever was given `history`."""
    return Bound(
        cap=cap,
        retailer_id=None if cap.scope == "system" else offer.retailer_id,
        counted=counted(cap, offer, history, window_start(cap, time_zone, now)),
        window_start=window_start(cap, time_zone, now),
        window_end=_window_end(cap, offer, history, time_zone, now),
        next_possible_at=_passes_from(cap, offer, history, time_zone, now),
    )


def for_offer(
    caps: Iterable[Cap], offer: Offer, history: Sequence[PastDelivery], time_zone: str, now: datetime
) -> list[Bound]:
    """Every cap that limits this offer, in the order of inheritance."""
    return _ordered(standing(cap, offer, history, time_zone, now) for cap in caps if applies(cap, offer))


def for_customer(
    caps: Iterable[Cap],
    history: Sequence[PastDelivery],
    time_zone: str,
    now: datetime,
    retailer_id: int | None = None,
) -> list[Bound]:
    """Every cap that limits this customer, in the order of inheritance.

    With a retailer its own and those for each retailer; without, of every retailer's those under which
    something counts now.
    """
    found: list[Bound] = []
    for cap in caps:
        if cap.retailer_id is not None and retailer_id not in {None, cap.retailer_id}:
            continue
        bounds = (
            standing(cap, probe, history, time_zone, now) for probe in _probes(cap, history, retailer_id)
        )
        # Of many retailers only those are told that this customer has to do with.
        is_asked = cap.scope == "system" or retailer_id is not None
        found += [bound for bound in bounds if is_asked or bound.counted]
    return _ordered(found)


def next_possible(
    caps: Sequence[Cap], offer: Offer, history: Sequence[PastDelivery], time_zone: str, now: datetime
) -> datetime | None:
    """The first moment from `now` on at which all caps let this offer pass; None: never.

    If nothing else is given until then. An offer that ignores caps may pass now.
    """
    at = now
    while not offer.ignores_caps:
        asked = [cap for cap in caps if applies(cap, offer)]
        if all(rule.passed for rule in binding(asked, offer, history, time_zone, at)):
            break
        # Counts only fall while nothing is given: before the latest of these one of them still stands.
        passing = [_passes_from(cap, offer, history, time_zone, at) for cap in asked]
        if any(moment is None for moment in passing):
            return None
        at = max(moment for moment in passing if moment is not None)
    return at


def next_undisturbed(
    caps: Sequence[Cap],
    offer: Offer,
    history: Sequence[PastDelivery],
    person: Person,
    defaults: Defaults,
    now: datetime,
) -> datetime | None:
    """As `next_possible`, and outside the person's quiet hours, unless the offer is quiet then by itself."""
    at = next_possible(caps, offer, history, person.time_zone, now)
    if offer.when_quiet == "inbox_only":
        return at
    while at is not None and (awake := quiet_until(person, defaults, at)) is not None:
        at = next_possible(caps, offer, history, person.time_zone, awake)
    return at


def _passes_from(
    cap: Cap, offer: Offer, history: Sequence[PastDelivery], time_zone: str, now: datetime
) -> datetime | None:
    """When one more is let pass by this cap alone: `now`, if its slots are not all taken."""
    times = _taken(cap, offer, history)
    if cap.at_most == 0:
        return None
    if len(times) < cap.at_most or times[-cap.at_most] < window_start(cap, time_zone, now):
        return now
    # So many of the newest must stay fewer than allowed: this one has to leave the window.
    return _leaves(cap, times[-cap.at_most], time_zone, now)


def _window_end(
    cap: Cap, offer: Offer, history: Sequence[PastDelivery], time_zone: str, now: datetime
) -> datetime | None:
    if cap.rolling_s is None:
        return _next_window(cap, time_zone, now)
    since = window_start(cap, time_zone, now)
    inside = [at for at in _taken(cap, offer, history) if at >= since]
    return _leaves(cap, inside[0], time_zone, now) if inside else None


def _taken(cap: Cap, offer: Offer, history: Sequence[PastDelivery]) -> list[datetime]:
    """When each slot under this cap was taken, ascending."""
    return sorted(past.decided_at for past in history if counted(cap, offer, (past,), past.decided_at))


def _leaves(cap: Cap, given_at: datetime, time_zone: str, now: datetime) -> datetime:
    """The first moment at which what was given then is not counted any more."""
    if cap.rolling_s is not None:
        return later(given_at, timedelta(seconds=cap.rolling_s) + _MOMENT)
    return _next_window(cap, time_zone, max(given_at, now))


def _next_window(cap: Cap, time_zone: str, at: datetime) -> datetime:
    """The first moment of the customer's local day, week or month after the one that `at` is in."""
    today = wall_time(at, time_zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if cap.calendar_unit == "week":
        following = today + timedelta(days=7 - today.weekday())
    elif cap.calendar_unit == "month":
        following = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    else:
        following = today + timedelta(days=1)
    return moment_of(following, time_zone)


def _probes(cap: Cap, history: Sequence[PastDelivery], retailer_id: int | None) -> Iterator[Offer]:
    """Offers that a cap would limit, one for each count it keeps."""
    if cap.scope == "system":
        whose = [0]
    elif cap.retailer_id is not None:
        whose = [cap.retailer_id]
    elif retailer_id is not None:
        whose = [retailer_id]
    else:
        whose = sorted({past.retailer_id for past in history})
    for one in whose:
        yield Offer(
            offer_id=cap.offer_id or 0,
            retailer_id=one,
            status="active",
            content={},
            triggers=(),
            channel=cap.channel or "push",
            tags=() if cap.tag is None else (cap.tag,),
        )


def _ordered(bounds: Iterable[Bound]) -> list[Bound]:
    return sorted(bounds, key=lambda one: (ORDER.index(one.cap.scope), one.retailer_id or 0, one.cap.cap_id))
