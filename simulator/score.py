"""How well the crossings that were reported agree with the stays that truly happened.

The rule: a true stay of at least 60 s, at some moment deeper than 15 m, is due: it must be found. A
shorter or shallower one may be. Anything else must not. Reports and true moments are matched one to
one, when they lie within 60 s plus one sampling interval of each other; a report without a match is
a false positive.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal, NamedTuple

from simulator.truth import Absence, Stay

Kind = Literal["enter", "exit"]
KINDS: Final[tuple[Kind, ...]] = ("enter", "exit")

LONG_S: Final = 60.0
TOLERANCE_S: Final = 60.0 + 15.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A crossing that the server told of, by its own account at `at_s` (seconds since the start)."""

    phone: int
    fence: int
    kind: Kind
    at_s: float


class Moment(NamedTuple):
    """A true crossing. `is_due`: it must be found, rather than may be."""

    at_s: float
    is_due: bool


@dataclass(frozen=True, slots=True)
class Score:
    """Due moments `found` and `missed`; reports of a moment that was not due are `tolerated`; others
    are `extra`. `delay_s` is the median of report minus truth over the matched (None without any).
    """

    found: int
    missed: int
    extra: int
    tolerated: int
    delay_s: float | None

    @property
    def precision(self) -> float:
        """Of the reports that count, the share that is true. 0 when there are none: nothing was shown."""
        return _share(self.found, self.extra)

    @property
    def recall(self) -> float:
        """Of the due moments, the share that was found. 0 when nothing was due."""
        return _share(self.found, self.missed)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def _share(good: int, bad: int) -> float:
    return good / (good + bad) if good + bad else 0.0


IsDue = Callable[[Stay, Kind], bool]


def must_be_found(stay: Stay, kind: Kind) -> bool:
    """The rule as it stands. A crossing in the last moments of a watch could be confirmed only after it."""
    at_s = stay.enter_s if kind == "enter" else stay.exit_s
    is_certain = stay.is_deep and stay.exit_s - stay.enter_s >= LONG_S
    return is_certain and at_s + TOLERANCE_S <= stay.watched_until_s


def is_a_clear_change(stay: Stay, kind: Kind) -> bool:
    """The same, asked of both sides: the time outside was long and far enough as well."""
    absence: Absence = stay.before if kind == "enter" else stay.after
    return must_be_found(stay, kind) and absence.seconds >= LONG_S and absence.was_far


def score(stays: Iterable[Stay], claims: Iterable[Claim], is_due: IsDue = must_be_found) -> dict[Kind, Score]:
    """The score of enters and of exits, over all phones and fences."""
    moments: dict[tuple[Kind, int, int], list[Moment]] = defaultdict(list)
    for stay in stays:
        moments["enter", stay.phone, stay.fence].append(Moment(stay.enter_s, is_due(stay, "enter")))
        if not stay.goes_on:
            moments["exit", stay.phone, stay.fence].append(Moment(stay.exit_s, is_due(stay, "exit")))
    told: dict[tuple[Kind, int, int], list[float]] = defaultdict(list)
    for claim in claims:
        told[claim.kind, claim.phone, claim.fence].append(claim.at_s)
    return {kind: _score_kind(kind, moments, told) for kind in KINDS}


def _score_kind(
    kind: Kind,
    moments: dict[tuple[Kind, int, int], list[Moment]],
    told: dict[tuple[Kind, int, int], list[float]],
) -> Score:
    found = due = extra = tolerated = 0
    delays_s: list[float] = []
    for key in moments.keys() | told.keys():
        if key[0] != kind:
            continue
        true, reported = sorted(moments.get(key, [])), sorted(told.get(key, []))
        pairs = match(true, reported)
        found_here = sum(true[i].is_due for i, _ in pairs)
        found += found_here
        due += sum(moment.is_due for moment in true)
        tolerated += len(pairs) - found_here
        extra += len(reported) - len(pairs)
        delays_s += [reported[j] - true[i].at_s for i, j in pairs]
    delay_s = median(delays_s) if delays_s else None
    return Score(found=found, missed=due - found, extra=extra, tolerated=tolerated, delay_s=delay_s)


def match(true: Sequence[Moment], reported: Sequence[float]) -> list[tuple[int, int]]:
    """The best one-to-one matching: most due moments, then most moments, then least total distance.

    Both sides are sorted by time. Some best matching never crosses, because all tolerances are the
    same, so that an alignment of two sequences finds it.
    """
    if not true or not reported:
        return []
    if len(true) == len(reported) == 1:
        return [(0, 0)] if abs(reported[0] - true[0].at_s) <= TOLERANCE_S else []
    best: list[list[tuple[int, int, float]]] = [[(0, 0, 0.0)] * (len(reported) + 1)]
    for i, moment in enumerate(true):
        row = [(0, 0, 0.0)]
        for j, at_s in enumerate(reported):
            choices = [best[i][j + 1], row[j]]
            if abs(at_s - moment.at_s) <= TOLERANCE_S:
                choices.append(_with(best[i][j], moment, at_s))
            row.append(max(choices))
        best.append(row)
    return _traced(best, len(true), len(reported))


def _with(so_far: tuple[int, int, float], moment: Moment, at_s: float) -> tuple[int, int, float]:
    due, matched, nearness = so_far
    return due + moment.is_due, matched + 1, nearness - abs(at_s - moment.at_s)


def _traced(best: list[list[tuple[int, int, float]]], i: int, j: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]
