"""Whoever had everything erased is unknown from then on: nothing is done, given or told for them."""

from collections.abc import Iterator

from simulator.journal import Change, Journal, Span
from simulator.recount.rules import Violation, named


def broken_erasures(journal: Journal) -> Iterator[Violation]:
    """Requests of erased people that were carried out, and offers decided for them."""
    for served in journal.served:
        if _was_over(journal.erased.get(served.customer), served.span):
            text = f"could {served.what} after everything about them was erased"
            yield Violation("erasure", f"customer {served.customer} {text} (request {served.span.sent})")
    for seen in journal.seen.values():
        if _was_over(journal.erased.get(seen.delivery.customer), seen.decided):
            yield Violation("erasure", f"{named(seen.delivery)} after everything about them was erased")


def _was_over(erased: Change[bool] | None, during: Span) -> bool:
    return erased is not None and erased.answered is not None and erased.answered <= during.sent
