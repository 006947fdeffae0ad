"""No fix is used, nothing is delivered or handed over, and no driver is asked, without consent."""

from collections.abc import Iterator
from typing import Final

from simulator.journal import LOCATION, PARKING, Asked, Grant, Journal, Seen, Span
from simulator.recount.rules import Rules, Violation, named

# What drivers are asked because of where they are.
FOUND_BY_POSITION: Final = frozenset({"pay", "stop"})


def broken_consents(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Deliveries, accepted fixes and prompts without the consents that they needed."""
    for seen in journal.seen.values():
        if seen.delivery.decided_at < rules.start:
            continue
        for grant in grants_needed(seen):
            fault = _fault(journal, seen, grant)
            if fault:
                yield Violation("consent", f"{named(seen.delivery)} {fault} {_words(grant)}")
                break
    for accepted in journal.accepted:
        if not _may_locate(journal, accepted.customer, accepted.span):
            text = f"had {accepted.fixes} fixes accepted without consent to location, of either kind"
            yield Violation("consent", f"customer {accepted.customer} {text} (request {accepted.span.sent})")

    for asked in journal.asked.values():
        if asked.kind in FOUND_BY_POSITION and not _may_follow_car(journal, asked):
            text = f"was asked to {asked.kind} for parking without consent to {PARKING}"
            yield Violation("consent", f"customer {asked.customer} {text} (request {asked.span.sent})")


def grants_needed(seen: Seen) -> tuple[Grant, Grant]:
    """Where one is may be used for offers, and this retailer may write on this channel."""
    delivery = seen.delivery
    return Grant(LOCATION), Grant("marketing", delivery.retailer_id, delivery.channel)


def _fault(journal: Journal, seen: Seen, grant: Grant) -> str | None:
    history = journal.consent(seen.delivery.customer, grant)
    if history.possible(seen.decided) == {False}:
        return "without consent to"
    for number, change in enumerate(history.changes):
        if change.value or change.answered is None or change.answered > seen.handed.sent:
            continue
        # A withdrawal that was acknowledged before the delivery was first shown.
        granted_again = next((c.sent for c in history.changes[number + 1 :] if c.value), None)
        if granted_again is None or granted_again > seen.handed.answered:
            return "first handed over after the withdrawal of"
        if seen.decided.answered <= granted_again:
            return "not cancelled by the withdrawal of"
    return None


def _may_locate(journal: Journal, customer: str, span: Span) -> bool:
    """Either purpose is enough for a fix; what is done with it is looked at by itself."""
    grants = (Grant(LOCATION), Grant(PARKING))
    return any(True in journal.consent(customer, grant).possible(span) for grant in grants)


def _may_follow_car(journal: Journal, asked: Asked) -> bool:
    return True in journal.consent(asked.customer, Grant(PARKING)).possible(asked.span)


def _words(grant: Grant) -> str:
    return ":".join(str(part) for part in grant if part is not None)
