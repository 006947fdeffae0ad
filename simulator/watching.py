"""When the server had to follow a phone: over every fix that was sent while consent was certain.

Decided from the simulator's own journal. What the server said of a fix matters only where consent was
changing while the fix was under way, so that refusing fixes neither shrinks the truth nor hides a miss.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from simulator.journal import History, Span
from simulator.tracks import Track
from simulator.truth import Watch

# Of fixes vaguer than this no more is asked than what is nearby.
COARSEST_ACCURACY_M: Final = 1000.0


class SentFix(NamedTuple):
    """A fix of a track by its number, the request that first sent it, and what the server said of it."""

    number: int
    request: Span
    status: str


class Watched(NamedTuple):
    """The times in which a phone was to be followed; `refused` counts by status, where nothing excuses."""

    watches: list[Watch]
    refused: Counter[str]


def watched(phone: int, track: Track, sent: Iterable[SentFix], location: History[bool]) -> Watched:
    """Each time between withdrawals is a watch of its own: what follows one begins from nothing."""
    times: dict[int, list[float]] = {}
    refused: Counter[str] = Counter()
    # Within one request it is the order of time that counts, not that of the list.
    for fix in sorted(sent, key=lambda fix: (fix.request.sent, fix.number)):
        possible = location.possible(fix.request)
        is_accepted = fix.status == "accepted"
        if True not in possible or (False in possible and not is_accepted):
            continue
        if track.accuracy_m[fix.number] > COARSEST_ACCURACY_M and not is_accepted:
            continue
        seconds = float(track.seconds[fix.number])
        told = times.setdefault(_withdrawals(location, fix.request), [])
        is_late = bool(told) and seconds <= told[-1]
        if not is_late:
            told.append(seconds)
        if not is_accepted and not (is_late and fix.status == "late"):
            refused[fix.status] += 1
    return Watched([Watch(phone, track.walk, told[0], told[-1]) for told in times.values()], refused)


def refused_although_for_parking(
    track: Track, sent: Iterable[SentFix], location: History[bool], parking: History[bool]
) -> Counter[str]:
    """By status, fixes that were refused although location for parking, and that alone, was certain."""
    refused: Counter[str] = Counter()
    for fix in sent:
        is_for_offers, is_for_parking = location.possible(fix.request), parking.possible(fix.request)
        is_fine = track.accuracy_m[fix.number] <= COARSEST_ACCURACY_M
        is_known = is_for_offers == {False} and is_for_parking == {True}
        if is_known and is_fine and fix.status not in {"accepted", "late"}:
            refused[fix.status] += 1
    return refused


def _withdrawals(location: History[bool], request: Span) -> int:
    """How many had certainly been made when a fix was sent."""
    return sum(
        not change.value and change.answered is not None and change.answered <= request.sent
        for change in location.changes
    )
