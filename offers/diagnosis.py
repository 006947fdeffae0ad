"""Why an offer does not run, or runs less than it could: findings from plain values.

Each check looks at one thing and says what it found, with a stable code and the numbers behind it; the
sentences are `offers.retail.diagnosis_words`', the reading `offers.retail.diagnosing`'s. Pure. Counts of
people stay here: below ten they are told as few, never as a number.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, Literal

import msgspec

from geo.wall_clock import rfc3339
from offers.caps import applies
from offers.disclosure import FEWEST
from offers.next_time import next_time
from offers.periods import CROSSINGS_KEPT_DAYS
from offers.schedule import is_open, next_change
from offers.terms import Cap, Defaults, Offer, Place, Reason

# blocks: nothing is delivered as it is. limits: less, or later. hint: worth a look.
Severity = Literal["blocks", "limits", "hint"]
Numbers = Mapping[str, str | int | float]

_SEVERITIES: Final[tuple[Severity, ...]] = ("blocks", "limits", "hint")
_DAYS_OF: Final = {"day": 1.0, "week": 7.0, "month": 31.0}
# From this share on one reason is why an offer is rarely given.
_MOSTLY: Final = 0.5


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found; the code is stable."""

    code: str
    severity: Severity
    numbers: Numbers = {}


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the budget; None where there is no such limit. `leased` units are on their way."""

    total: int | None = None
    left: int | None = None
    leased: int = 0
    per_day: int | None = None
    day_left: int | None = None
    day_ends_at: datetime | None = None
    per_week: int | None = None
    week_left: int | None = None
    week_ends_at: datetime | None = None
    redemptions: int | None = None
    has_own_codes: bool = False


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is looked at. `places` are the fences that the offer is tied to.

    `reachable`: people who consent to location and to this retailer's marketing on the offer's channel;
    `personalised`: those of them who consent to personalisation too. `considered`: outcomes of crossings in
    the last 28 days.
    """

    offer: Offer
    places: Sequence[Place]
    caps: Sequence[Cap]
    defaults: Defaults
    now: datetime
    stock: Stock = Stock()
    stopped_by: str | None = None
    retailer_stopped_by: str | None = None
    reachable: int = FEWEST
    personalised: int = FEWEST
    considered: Mapping[str, int] = {}
    waiting: int = 0

    @property
    def heeds_quiet(self) -> bool:
        """Whether quiet hours stand against a delivery; those of one to the inbox only do not."""
        return self.offer.when_quiet != "inbox_only"


def diagnose(situation: Situation) -> list[Finding]:
    """What was found, the worst first."""
    found = list(chain.from_iterable(check(situation) for check in CHECKS))
    return sorted(found, key=lambda finding: _SEVERITIES.index(finding.severity))


def next_possible(situation: Situation) -> datetime | None:
    """The next moment that all times allow, those of people who keep the default quiet hours included."""
    quiet = situation.defaults if situation.heeds_quiet else None
    return next_time(situation.offer, situation.places, situation.now, quiet)


def _stopped(s: Situation) -> Iterator[Finding]:
    if s.retailer_stopped_by is not None:
        yield Finding("retailer_stopped", "blocks", {"by": s.retailer_stopped_by})
    if s.stopped_by is not None:
        yield Finding("stopped", "blocks", {"by": s.stopped_by})
    elif s.offer.status != "active":
        yield Finding("not_active", "blocks", {"status": s.offer.status})


def _triggers(s: Situation) -> Iterator[Finding]:
    if set(s.offer.triggers) == {"nearby"}:
        yield Finding("only_nearby", "blocks")


def _times(s: Situation) -> Iterator[Finding]:
    offer = s.offer
    if offer.ends_at is not None and offer.ends_at <= s.now:
        yield Finding("schedule_over", "blocks", {"ended_at": rfc3339(offer.ends_at)})
    elif not s.places:
        yield Finding("tied_to_no_fence", "blocks")
    elif all(one.fence_disabled_at is not None and one.fence_disabled_at <= s.now for one in s.places):
        yield Finding("no_active_fence", "blocks", {"fences": len(s.places)})
    elif offer.only_while_open and all(_is_unknown(one, s.now) for one in s.places):
        yield Finding("site_hours_unknown", "blocks")
    else:
        yield from _next(s)


def _next(s: Situation) -> Iterator[Finding]:
    by_times = next_time(s.offer, s.places, s.now)
    if by_times is None:
        yield Finding("never_on", "blocks")
        return
    found = next_possible(s) if s.heeds_quiet else by_times
    if found is None:
        start, end = s.defaults.quiet_start, s.defaults.quiet_end
        yield Finding("always_quiet", "blocks", {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"})
    elif s.offer.starts_at is not None and s.offer.starts_at > s.now:
        yield Finding("not_begun", "limits", {"next_possible_at": rfc3339(found)})
    elif found > s.now:
        yield Finding("not_now", "limits", {"next_possible_at": rfc3339(found)})


def _is_unknown(place: Place, now: datetime) -> bool:
    hours, zone = place.opening_hours, place.time_zone
    return is_open(hours, zone, now) is None and next_change(hours, zone, now) is None


def _capped(s: Situation) -> Iterator[Finding]:
    for cap in () if s.offer.ignores_caps else s.caps:
        if not applies(cap, s.offer):
            continue
        if cap.at_most == 0:
            yield Finding("cap_of_none", "blocks", {"cap_id": cap.cap_id, "scope": cap.scope})
        elif _outlimits(cap, s.offer):
            limit, days = s.offer.customer_limit, s.offer.customer_limit_days
            assert limit is not None
            assert days is not None
            numbers: Numbers = {"cap_id": cap.cap_id, "at_most": cap.at_most, "limit": limit, "days": days}
            yield Finding("limit_never_reached", "hint", numbers)


def _outlimits(cap: Cap, offer: Offer) -> bool:
    """Whether the cap lets nobody reach what the offer allows a customer, wherever its windows begin."""
    if offer.customer_limit is None or offer.customer_limit_days is None:
        return False
    days = (cap.rolling_s or 0) / 86_400 or _DAYS_OF[cap.calendar_unit or "day"]
    return cap.at_most * (offer.customer_limit_days // days + 2) < offer.customer_limit


def _budgeted(s: Situation) -> Iterator[Finding]:
    stock = s.stock
    if stock.has_own_codes and stock.total == 0:
        yield Finding("no_codes", "blocks")
    elif stock.left is not None and stock.left <= 0:
        yield _spent("budget", s, {"total": stock.total or 0})
    for period, limit, left, ends_at in (
        ("day", stock.per_day, stock.day_left, stock.day_ends_at),
        ("week", stock.per_week, stock.week_left, stock.week_ends_at),
    ):
        if limit == 0:
            yield Finding(f"{period}_budget_of_none", "blocks")
        elif limit is not None and left is not None and left <= 0 and ends_at is not None:
            yield _spent(f"{period}_budget", s, {"limit": limit, "again_at": rfc3339(ends_at)}, "limits")
    if s.offer.redemptions_left is not None and s.offer.redemptions_left <= 0:
        yield Finding("stock_spent", "blocks", {"redemptions": stock.redemptions or 0})


def _spent(what: str, s: Situation, numbers: Numbers, severity: Severity = "blocks") -> Finding:
    """What is leased may still be given, or come back."""
    if s.stock.leased:
        return Finding(f"{what}_reserved", "limits", {**numbers, "reserved": s.stock.leased})
    return Finding(f"{what}_spent", severity, numbers)


def _needless(s: Situation) -> Iterator[Finding]:
    """Limits that another one makes meaningless."""
    stock = s.stock
    if stock.per_day and stock.total and stock.per_day >= stock.total:
        yield Finding("day_budget_never_binds", "hint", {"per_day": stock.per_day, "total": stock.total})
    if stock.per_day and stock.per_week and stock.per_day * 7 <= stock.per_week:
        numbers: Numbers = {"per_day": stock.per_day, "per_week": stock.per_week}
        yield Finding("week_budget_never_binds", "hint", numbers)
    if stock.redemptions and stock.total and stock.redemptions > stock.total:
        numbers = {"redemptions": stock.redemptions, "total": stock.total}
        yield Finding("more_stock_than_deliveries", "hint", numbers)


def _audience(s: Situation) -> Iterator[Finding]:
    if _is_impossible(s.offer):
        yield Finding("audience_impossible", "blocks")
    if s.reachable == 0:
        yield Finding("nobody_consented", "blocks", {"channel": s.offer.channel})
        return
    if s.reachable < FEWEST:
        yield Finding("few_consented", "limits", {"fewer_than": FEWEST, "channel": s.offer.channel})
    audience = s.offer.audience
    if audience.is_personal and audience.if_not_known == "exclude" and s.personalised == 0:
        yield Finding("nobody_personalised", "blocks")


def _is_impossible(offer: Offer) -> bool:
    """Rules of which nobody can meet all; visits are known for as long as crossings are kept."""
    audience = offer.audience
    least, most = audience.visits_at_least, audience.visits_at_most
    since_least, since_most = audience.last_visit_days_at_least, audience.last_visit_days_at_most
    came = bool(least) or since_most is not None
    return (
        (least is not None and most is not None and most < least)
        or (since_least is not None and since_most is not None and since_most < since_least)
        or (came and most == 0)
        or (came and since_least is not None and since_least > CROSSINGS_KEPT_DAYS)
    ) and audience.if_not_known != "include"


def _recent(s: Situation) -> Iterator[Finding]:
    considered = sum(s.considered.values())
    if not considered:
        if s.offer.status == "active" and s.places:
            yield Finding("nobody_came", "limits", {"days": 28})
        return
    if considered < FEWEST:
        yield Finding("few_came", "limits", {"days": 28, "fewer_than": FEWEST})
        return
    refused = {one: n for one, n in s.considered.items() if one not in {Reason.DELIVERED, Reason.HELD}}
    reason = max(refused, key=lambda one: refused[one], default=None)
    if reason is not None and refused[reason] >= max(FEWEST, _MOSTLY * considered):
        share = 5 * round(20 * refused[reason] / considered)  # coarse: what is left must not be counted
        yield Finding("mostly_refused", "limits", {"reason": str(reason), "percent": share})


def _waiting(s: Situation) -> Iterator[Finding]:
    if s.waiting:
        numbers: Numbers = {"waiting": s.waiting} if s.waiting >= FEWEST else {"fewer_than": FEWEST}
        yield Finding("waiting" if s.waiting >= FEWEST else "few_waiting", "hint", numbers)


CHECKS: Final[tuple[Callable[[Situation], Iterator[Finding]], ...]] = (
    _stopped,
    _triggers,
    _times,
    _capped,
    _budgeted,
    _audience,
    _recent,
    _waiting,
    _needless,
)

# How long back decisions are looked at: what is new, and what holds.
NEW: Final = timedelta(days=7)
LASTING: Final = timedelta(days=28)
