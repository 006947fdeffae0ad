"""No fix is used and nothing is delivered or handed over without consent."""

from collections.abc import Iterator

from simulator.journal import LOCATION, Grant, Journal, Seen, Span
from simulator.recount.rules import Rules, Violation, named


def broken_consents(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Deliveries and accepted fixes without the consents that they needed."""
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
            text = f"had {accepted.fixes} fixes accepted without consent to location for offers"
            yield Violation("consent", f"customer {accepted.customer} {text} (request {accepted.span.sent})")


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
    return True in journal.consent(customer, Grant(LOCATION)).possible(span)


def _words(grant: Grant) -> str:
    return ":".join(str(part) for part in grant if part is not None)
