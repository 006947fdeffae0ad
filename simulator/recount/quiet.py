"""Nothing is delivered within a customer's quiet hours."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from simulator.journal import Delivery, History, Journal, Quiet, Span
from simulator.recount.rules import Rules, Violation, named


def broken_quiet_hours(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Deliveries that were quiet under every zone and every choice that may have been in force."""
    for seen in journal.seen.values():
        delivery = seen.delivery
        if delivery.decided_at < rules.start or is_whispered(delivery, rules):
            continue
        quiet_hours, zones = possible_hours(delivery.customer, seen.decided, journal, rules)
        if all(is_quiet(quiet, delivery.decided_at, zone) for quiet in quiet_hours for zone in zones):
            wall = delivery.decided_at.astimezone(ZoneInfo(min(zones))).strftime("%H:%M:%S")
            hours = " or ".join(sorted(f"{quiet.start:%H:%M}-{quiet.end:%H:%M}" for quiet in quiet_hours))
            text = f"at {wall} in {min(zones)}, within quiet hours {hours}"
            yield Violation("quiet_hours", f"{named(delivery)} {text}")


def possible_hours(
    customer: str, during: Span, journal: Journal, rules: Rules
) -> tuple[list[Quiet], set[str]]:
    """The quiet hours and the zones that may have been in force for somebody."""
    chosen = journal.quiet_hours.get(customer, History(None)).possible(during)
    zones = journal.time_zones.get(customer, History(rules.default_time_zone)).possible(during)
    return [quiet or rules.default_quiet for quiet in chosen], zones


def is_whispered(delivery: Delivery, rules: Rules) -> bool:
    """Whether it lies in the inbox without a notification, as the offer says it does in quiet hours."""
    return delivery.channel == "inbox" and rules.of(delivery.offer_id).when_quiet == "inbox_only"


def is_quiet(quiet: Quiet, at: datetime, time_zone: str) -> bool:
    """Whether the wall clock stands from `start` to just before `end`; past midnight if start > end."""
    wall = at.astimezone(ZoneInfo(time_zone)).time()
    if quiet.start <= quiet.end:
        return quiet.start <= wall < quiet.end
    return not quiet.end <= wall < quiet.start
