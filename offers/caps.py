"""Frequency limits: which hold for an offer, from when each counts, and what they say.

Owns counting. Reading the history and taking the slot, both under the customer's lock, are the
engine's; who may change a cap is the catalogue's.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from geo.wall_clock import later, moment_of, rfc3339, wall_time
from offers.terms import Cap, Offer, PastDelivery, Reason, Rule


def window_start(cap: Cap, time_zone: str, now: datetime) -> datetime:
    """From when (UTC, inclusive) the cap counts at `now`.

    Rolling: exactly `rolling_s` seconds ago. Calendar: the first moment of the customer's local
    day, week (Monday) or month, whatever the clocks did since; where midnight does not exist, the
    day starts at the change.
    """
    if cap.rolling_s is not None:
        return later(now, timedelta(seconds=-cap.rolling_s))
    today = wall_time(now, time_zone).date()
    if cap.calendar_unit == "week":
        return _first_moment(today - timedelta(days=today.weekday()), time_zone)
    if cap.calendar_unit == "month":
        return _first_moment(today.replace(day=1), time_zone)
    return _first_moment(today, time_zone)


@lru_cache(maxsize=4096)
def _first_moment(day: date, time_zone: str) -> datetime:
    return moment_of(datetime.combine(day, time.min), time_zone)


def applies(cap: Cap, offer: Offer) -> bool:
    """Whether a delivery of this offer would be one of those the cap limits."""
    if cap.scope == "retailer" and cap.retailer_id != offer.retailer_id:
        return False
    if cap.scope == "offer" and cap.offer_id != offer.offer_id:
        return False
    if cap.channel is not None and cap.channel != offer.channel:
        return False
    return cap.tag is None or cap.tag in offer.tags


def counted(cap: Cap, offer: Offer, history: Iterable[PastDelivery], since: datetime) -> int:
    """How many past deliveries share the slots that this offer would take under this cap.

    Everything from `since` on counts, also what lies in the future: where two clocks disagree,
    the person is disturbed less, not more.
    """
    return sum(past.decided_at >= since and _shares(cap, offer, past) for past in history)


def _shares(cap: Cap, offer: Offer, past: PastDelivery) -> bool:
    if not (past.takes_slot and past.counts_toward_caps):
        return False
    # `applies` held: for scope `retailer` and `offer` the cap's ids are this offer's own.
    if cap.scope in ("each_retailer", "retailer") and past.retailer_id != offer.retailer_id:
        return False
    if cap.scope == "offer" and past.offer_id != offer.offer_id:
        return False
    if cap.channel is not None and past.channel != cap.channel:
        return False
    return cap.tag is None or cap.tag in past.tags


def binding(
    caps: Iterable[Cap], offer: Offer, history: Sequence[PastDelivery], time_zone: str, now: datetime
) -> tuple[Rule, ...]:
    """What each cap that concerns the offer says, with its numbers. All must pass."""
    return tuple(_ask(cap, offer, history, time_zone, now) for cap in caps if applies(cap, offer))


def _ask(cap: Cap, offer: Offer, history: Sequence[PastDelivery], time_zone: str, now: datetime) -> Rule:
    since = window_start(cap, time_zone, now)
    taken = counted(cap, offer, history, since)
    return Rule(
        name=Reason.FREQUENCY_CAP,
        passed=taken < cap.at_most,
        numbers={
            "cap_id": cap.cap_id,
            "scope": cap.scope,
            "channel": cap.channel,
            "tag": cap.tag,
            "at_most": cap.at_most,
            "counted": taken,
            "window_start": rfc3339(since),
        },
    )
