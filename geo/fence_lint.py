"""What is worth knowing about a fence before phones meet it: findings, each with its numbers.

Pure: plain values in, findings out. Nothing here refuses a fence; `geo.fences.faults_of` does. The
accuracies are those of phones in streets: 10 m under open sky, 30 m between houses, 65 m by Wi-Fi or cell
alone, which is what both systems state when they know no better. The sentences are
`geo.fence_lint_words`'.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec
import shapely

from geo.crossings import PRESENCE_CREDIBLE_S
from geo.phone_trials import PACE_MPS, Ground, Trial
from geo.shapes import Shape

Severity = Literal["info", "warning", "serious"]
Numbers = dict[str, float | int | list[int]]

USUAL_ACCURACY_M: Final = 30.0
FINEST_ACCURACY_M: Final = 10.0
REACH_M: Final = 30.0
CROWDED_FROM: Final = 3
# Where half of one fence lies in another, who is in the one is as likely in both.
MUCH_OVERLAP: Final = 0.5
FALSE_ENTERS_TOLD_FROM: Final = 10.0
FALSE_ENTERS_WARNED_FROM: Final = 30.0
MISSED_WARNED_FROM: Final = 30.0
MISSED_SERIOUS_FROM: Final = 70.0
LONG_DWELL_S: Final = 3_600

_TOLD_FENCES: Final = 20
_SEVERITIES: Final[tuple[Severity, ...]] = ("serious", "warning", "info")


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Another fence of the same retailer, and which part of either (0 to 1) is covered by both."""

    fence_id: int
    share_of_this: float
    share_of_other: float


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What lies around a fence. `others_nearby`: other retailers' fences within reach, in full tens.

    `open_at_most_s`: the longest it is open at a stretch, as far as its site and its active hours say.
    """

    overlaps: tuple[Overlap, ...] = ()
    own_nearby: int = 0
    others_nearby: int = 0
    open_at_most_s: float | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is stable; `numbers` are those that led to it, metres and seconds by their names."""

    code: str
    severity: Severity
    numbers: Numbers


def lint(shape: Shape, dwell_s: int, around: Surroundings, trials: Sequence[Trial]) -> list[Finding]:
    """Every finding, the worst first."""
    found = [
        *_of_size(shape),
        *_of_neighbours(around),
        *_of_dwell(shape, dwell_s, around),
        *_of_trials(trials),
    ]
    return sorted(found, key=lambda finding: _SEVERITIES.index(finding.severity))


def inner_radius_m(shape: Shape) -> float:
    """The largest circle that fits in it, in its narrowest part if it has several."""
    parts = shapely.get_parts(Ground(shape.polygon).shape)
    return float(min(shapely.maximum_inscribed_circle(part, tolerance=0.5).length for part in parts))


def _of_size(shape: Shape) -> Iterator[Finding]:
    inner_m = inner_radius_m(shape)
    if inner_m < USUAL_ACCURACY_M:
        yield Finding(
            code="smaller_than_accuracy",
            severity="serious" if inner_m < FINEST_ACCURACY_M else "warning",
            numbers={"inner_radius_m": round(inner_m, 1), "accuracy_m": USUAL_ACCURACY_M},
        )


def _of_neighbours(around: Surroundings) -> Iterator[Finding]:
    if around.overlaps:
        most = max(max(one.share_of_this, one.share_of_other) for one in around.overlaps)
        yield Finding(
            code="overlaps_own",
            severity="warning" if most >= MUCH_OVERLAP else "info",
            numbers={
                "fences": len(around.overlaps),
                "fence_ids": [one.fence_id for one in around.overlaps[:_TOLD_FENCES]],
                "largest_share": round(most, 3),
            },
        )
    if around.own_nearby + around.others_nearby >= CROWDED_FROM:
        yield Finding(
            code="dense_neighbours",
            severity="warning",
            numbers={
                "own_fences": around.own_nearby,
                "other_fences_at_least": around.others_nearby,
                "within_m": REACH_M,
            },
        )


def _of_dwell(shape: Shape, dwell_s: int, around: Surroundings) -> Iterator[Finding]:
    open_s = around.open_at_most_s
    if open_s is not None and dwell_s >= open_s:
        yield Finding(
            code="dwell_longer_than_open",
            severity="serious",
            numbers={"dwell_s": dwell_s, "open_at_most_s": int(open_s)},
        )
    elif dwell_s >= LONG_DWELL_S:
        yield Finding(code="long_dwell", severity="warning", numbers={"dwell_s": dwell_s})
    elif dwell_s > PRESENCE_CREDIBLE_S:
        yield Finding(
            code="dwell_outlasts_silence",
            severity="info",
            numbers={"dwell_s": dwell_s, "presence_credible_s": int(PRESENCE_CREDIBLE_S)},
        )
    # The mean way across a circle, for somebody who does not stop: π/2 radii.
    across_s = 1.571 * shape.effective_radius_m / PACE_MPS
    if dwell_s < across_s:
        yield Finding(
            code="dwell_while_passing",
            severity="info",
            numbers={"dwell_s": dwell_s, "walk_across_s": round(across_s)},
        )


def _of_trials(trials: Sequence[Trial]) -> Iterator[Finding]:
    usual = next((trial for trial in trials if trial.accuracy_m == USUAL_ACCURACY_M), None)
    if usual is None:
        return
    worst = max(usual.false_enters_of_100_staying, usual.false_enters_of_100_passing)
    if worst >= FALSE_ENTERS_TOLD_FROM:
        yield Finding(
            code="false_enters",
            severity="warning" if worst >= FALSE_ENTERS_WARNED_FROM else "info",
            numbers={
                "of_100_staying": usual.false_enters_of_100_staying,
                "of_100_passing": usual.false_enters_of_100_passing,
                "accuracy_m": usual.accuracy_m,
            },
        )
    if usual.missed_of_100_visiting >= MISSED_WARNED_FROM:
        yield Finding(
            code="missed_visits",
            severity="serious" if usual.missed_of_100_visiting >= MISSED_SERIOUS_FROM else "warning",
            numbers={"of_100_visiting": usual.missed_of_100_visiting, "accuracy_m": usual.accuracy_m},
        )
