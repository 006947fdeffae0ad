"""No customer is given more than the caps and the offers' own limits allow, over all their devices.

A window is counted at the moment of a delivery: rolling ones in elapsed seconds, calendar ones as
the day, week (from Monday) or month that the customer's wall clock shows.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from simulator.journal import Delivery, History, Journal, Seen
from simulator.recount.rules import Cap, Rules, Violation, named


def broken_caps(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Deliveries that were one too many."""
    for customer, deliveries in journal.deliveries_by_customer().items():
        zones = journal.time_zones.get(customer, History(rules.default_time_zone))
        for number, seen in enumerate(deliveries):
            if seen.delivery.decided_at < rules.start:
                continue
            earlier = [before.delivery for before in deliveries[:number]]
            yield from _beyond_caps(seen, earlier, sorted(zones.possible(seen.decided)), rules)
            yield from _beyond_own_limit(seen.delivery, earlier, rules)
            yield from _too_soon(seen.delivery, earlier, rules)


def _beyond_caps(
    seen: Seen, earlier: Sequence[Delivery], zones: list[str], rules: Rules
) -> Iterator[Violation]:
    delivery = seen.delivery
    if rules.of(delivery.offer_id).ignores_caps:
        return
    counting = [before for before in earlier if rules.of(before.offer_id).counts_toward_caps]
    for cap in rules.caps:
        if not concerns(cap, delivery):
            continue
        sharing = [before for before in counting if _shares(cap, before, delivery)]
        taken = min(_taken(cap, sharing, delivery.decided_at, zone) for zone in zones)
        if taken >= cap.at_most:
            text = f"as number {taken + 1}, where cap {cap.cap_id} allows {cap.at_most}"
            yield Violation("caps", f"{named(delivery)} {text} ({cap.scope}, {_window(cap, zones)})")


def _taken(cap: Cap, sharing: Sequence[Delivery], now: datetime, time_zone: str) -> int:
    return sum(in_window(cap, before.decided_at, now, time_zone) for before in sharing)


def concerns(cap: Cap, delivery: Delivery) -> bool:
    """Whether a delivery falls under a cap at all."""
    return (
        (cap.retailer_id is None or cap.retailer_id == delivery.retailer_id)
        and (cap.offer_id is None or cap.offer_id == delivery.offer_id)
        and (cap.channel is None or cap.channel == delivery.channel)
        and (cap.tag is None or cap.tag in delivery.tags)
    )


def _shares(cap: Cap, before: Delivery, delivery: Delivery) -> bool:
    is_own_count = cap.scope != "each_retailer" or before.retailer_id == delivery.retailer_id
    return is_own_count and concerns(cap, before)


def in_window(cap: Cap, before: datetime, now: datetime, time_zone: str) -> bool:
    """Whether an earlier delivery still counts now. Exactly at the edge of a rolling window: not."""
    if cap.rolling_s is not None:
        return now - before < timedelta(seconds=cap.rolling_s)
    zone = ZoneInfo(time_zone)
    return _period(cap, before.astimezone(zone).date()) == _period(cap, now.astimezone(zone).date())


def _period(cap: Cap, day: date) -> tuple[int, ...]:
    if cap.calendar_unit == "month":
        return day.year, day.month
    if cap.calendar_unit == "week":
        return day.isocalendar()[:2]
    return day.year, day.month, day.day


def _window(cap: Cap, zones: list[str]) -> str:
    return f"{cap.rolling_s} s rolling" if cap.rolling_s else f"{cap.calendar_unit} in {' or '.join(zones)}"


def _beyond_own_limit(delivery: Delivery, earlier: Sequence[Delivery], rules: Rules) -> Iterator[Violation]:
    limits = rules.of(delivery.offer_id)
    same = [before for before in earlier if before.offer_id == delivery.offer_id]
    days = limits.at_most_days
    recent = [d for d in same if days is None or delivery.decided_at - d.decided_at < timedelta(days=days)]
    if limits.at_most is not None and len(recent) >= limits.at_most:
        span = "ever" if days is None else f"in {days} days"
        text = f"as number {len(recent) + 1}, where the offer allows {limits.at_most} per customer {span}"
        yield Violation("caps", f"{named(delivery)} {text}")


def _too_soon(delivery: Delivery, earlier: Sequence[Delivery], rules: Rules) -> Iterator[Violation]:
    wait_s = rules.of(delivery.offer_id).re_eligible_after_s
    same = [before for before in earlier if before.offer_id == delivery.offer_id]
    if wait_s is not None and same:
        since_s = (delivery.decided_at - same[-1].decided_at).total_seconds()
        if since_s < wait_s:
            text = f"after {since_s:.0f} s, where the offer waits {wait_s} s"
            yield Violation("re_eligibility", f"{named(delivery)} {text}")
