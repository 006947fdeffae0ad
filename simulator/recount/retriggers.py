"""A fence that waits before it tells of the same phone again, waits."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from simulator.journal import LOCATION, Crossed, Grant, Journal
from simulator.recount.rules import Rules, Violation


def broken_retriggers(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Enters that followed another one of the same phone too soon.

    What a withdrawal made the server forget cannot be held against it.
    """
    enters: dict[tuple[int, int], list[Crossed]] = defaultdict(list)
    for crossed in journal.crossings.values():
        if crossed.kind == "enter" and crossed.fence_id in rules.retrigger_s:
            enters[crossed.phone, crossed.fence_id].append(crossed)
    for (_, fence_id), told in sorted(enters.items()):
        wait_s = rules.retrigger_s[fence_id]
        for before, after in pairwise(sorted(told, key=lambda one: one.at)):
            since_s = (after.at - before.at).total_seconds()
            if since_s < wait_s and not _was_forgotten(journal, before, after):
                text = f"was said to enter fence {fence_id} again after {since_s:.0f} s"
                yield Violation(
                    "re_trigger", f"phone {after.phone} {text}, where it waits {wait_s:.0f} s ({after.at})"
                )


def _was_forgotten(journal: Journal, before: Crossed, after: Crossed) -> bool:
    sent, answered = before.span.sent, after.span.answered
    changes = journal.consent(after.customer, Grant(LOCATION)).changes
    return any(not change.value and sent < change.sent < answered for change in changes)
