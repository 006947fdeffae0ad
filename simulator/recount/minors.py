"""Nobody who is not certainly an adult is given an offer, and no child is followed."""

from collections.abc import Iterator
from typing import Final

from simulator.journal import History, Journal, Span
from simulator.recount.rules import Rules, Violation, named

ADULT: Final = "adult"
# Whose youngest are below the age of consent of every country there is.
CHILDREN: Final = frozenset({"unknown", "under_15"})


def broken_protection_of_minors(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Deliveries to minors, and fixes of children that were used."""
    for seen in journal.seen.values():
        if seen.delivery.decided_at >= rules.start:
            bands = _possible(journal, seen.delivery.customer, seen.decided)
            if ADULT not in bands:
                yield Violation("minors", f"{named(seen.delivery)}, whose age is {_words(bands)}")
    for accepted in journal.accepted:
        bands = _possible(journal, accepted.customer, accepted.span)
        if bands <= CHILDREN:
            text = f"had {accepted.fixes} fixes accepted at the age of {_words(bands)}"
            yield Violation("minors", f"customer {accepted.customer} {text} (request {accepted.span.sent})")


def _possible(journal: Journal, customer: str, during: Span) -> set[str]:
    return journal.age_bands.get(customer, History("unknown")).possible(during)


def _words(bands: set[str]) -> str:
    return " or ".join(sorted(bands))
