"""Nothing is delivered within a customer's quiet hours."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from simulator.journal import History, Journal, Quiet
from simulator.recount.rules import Rules, Violation, named


def broken_quiet_hours(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Deliveries that were quiet under every zone and every choice that may have been in force."""
    for seen in journal.seen.values():
        delivery = seen.delivery
        if delivery.decided_at < rules.start:
            continue
        chosen = journal.quiet_hours.get(delivery.customer, History(None)).possible(seen.decided)
        zone_history = journal.time_zones.get(delivery.customer, History(rules.default_time_zone))
        zones = zone_history.possible(seen.decided)
        quiet_hours = [quiet or rules.default_quiet for quiet in chosen]
        if all(is_quiet(quiet, delivery.decided_at, zone) for quiet in quiet_hours for zone in zones):
            wall = delivery.decided_at.astimezone(ZoneInfo(min(zones))).strftime("%H:%M:%S")
            hours = " or ".join(sorted(f"{quiet.start:%H:%M}-{quiet.end:%H:%M}" for quiet in quiet_hours))
            text = f"at {wall} in {min(zones)}, within quiet hours {hours}"
            yield Violation("quiet_hours", f"{named(delivery)} {text}")


def is_quiet(quiet: Quiet, at: datetime, time_zone: str) -> bool:
    """Whether the wall clock stands from `start` to just before `end`; past midnight if start > end."""
    wall = at.astimezone(ZoneInfo(time_zone)).time()
    if quiet.start <= quiet.end:
        return quiet.start <= wall < quiet.end
    return not quiet.end <= wall < quiet.start
