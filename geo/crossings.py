"""Does a phone's noisy distance to a fence's edge amount to an enter, a dwell or an exit?

Owns the state machine of one (device, fence): `outside → entering → inside → dwelled → leaving →
outside`. Pure: plain values in, new values out, times by the fixes' own clock. Knows nothing of shapes,
of other fences, or of which fixes are to be believed (`geo.tracking`).

How evidence is weighed. A fix's error is a 2-D Gaussian whose 68 % radius is `accuracy_m`, so its part
across the edge has sigma = accuracy / 1.51; it drifts (Ornstein-Uhlenbeck, 60 s), so ten fixes in a minute
say little more than one. Per fence, a Kalman filter estimates the signed distance (negative
inside) and its precision, for a phone that about keeps its distance and an error of that colour. A fix
that this cannot explain shows that the phone moved: the estimate starts anew from it. So a phone that
stays is known ever better, however vague each fix, and one that walks is judged by its latest fixes.

How it is decided. Enter: the estimate lies inside by a margin in standard errors and one in metres; a
good fix well inside decides alone, a vague one waits for more. Exit: twice in one leaving, the estimate
lies outside by wider margins (1.7 accuracies of a single fix, and 5 m) and the fix itself by more than
its accuracy, so that a phone on the edge with errors within its accuracy never flaps. The margins were
tuned on simulated cities and on still phones at edges: tests/geo/test_crossings_simulated.py.

`at` of an enter or exit is that of the first fix on the new side, not of the later one that made it
certain. Whether a crossing is fresh enough to act on is a question to the deciding fix's time.

Confidence is Phi(|estimate| / standard error), 0.5 to 1: under that model, the probability that the phone
is on the side it is said to be on.
"""

from math import erfc, exp, isfinite, sqrt
from typing import Final

import msgspec

from geo.fixes import CrossingKind, Fix

ACCURACY_PER_SIGMA: Final = 1.5096  # sqrt(-2 ln 0.32): the 68 % radius of a 2-D Gaussian
ERROR_CORRELATION_S: Final = 60.0
FINEST_ACCURACY_M: Final = 4.0  # phones that claim better are wrong about it
EVIDENCE_LASTS_S: Final = 300.0
SOONEST_NEWS_S: Final = 8.0
SURPRISE: Final = 12.0  # squared standard errors that a phone keeping its distance cannot explain
WANDERING_M2_PER_S: Final = 0.4  # how fast the distance of a phone that "stays" becomes uncertain
FINEST_PRECISION: Final = 1 / 4.0**2  # outlines are imprecise too: no estimate is better than 4 m

ENTER_ERRORS: Final = 1.0
ENTER_ERRORS_OF_ONE_FIX: Final = 1.6
ENTER_MARGIN_M: Final = 1.0
EXIT_ERRORS: Final = 2.5
EXIT_MARGIN_M: Final = 5.0
EXIT_FIXES: Final = 2
FORGOTTEN_BEYOND_M: Final = 40.0

PRESENCE_CREDIBLE_S: Final = 600.0
WATCHED_PRESENCE_CREDIBLE_S: Final = 6 * 3600.0
VISIT_SURVIVES_SILENCE_S: Final = 3600.0

RESTING: Final = 0  # outside, nothing weighed: kept only for the re-trigger time
ENTERING: Final = 1  # outside, evidence being weighed
INSIDE: Final = 2
DWELLED: Final = 3
LEAVING: Final = 4
LEAVING_DWELLED: Final = 5
LAPSED: Final = 6  # inside when last seen, but its dwell fell due when presence was no longer credible


class FenceRules(msgspec.Struct, frozen=True, gc=False):
    """What a fence asks for. `radius_m` is effective: sqrt(area / π).

    `revision` grows with every edit; `shape_revision` is the one that brought the present shape.
    """

    dwell_s: float
    retrigger_s: float
    radius_m: float
    revision: int = 1
    shape_revision: int = 1


class FenceState(msgspec.Struct, array_like=True, gc=False):
    """All that is remembered of one device at one fence, until it is well away again.

    seen_at        the last fix that was weighed
    estimate_m     the best guess of the signed distance, with `precision` = 1 / its variance (0: none)
    drift          by how many sigma that fix was off the estimate: its error, which the next one
                   inherits; 0 where the estimate is that one fix
    was_inside     whether that fix itself lay inside; `turned_at` when fixes last changed sides
    began_at       when the visit began (0: no visit)
    told_at        when an enter was last told (0: never). A visit is muted, from enter to exit, where
                   it differs from `began_at`: the visit began within the re-trigger time.
    clear_fixes    how many fixes of this leaving were clearly outside
    """

    phase: int
    seen_at: float
    estimate_m: float = 0.0
    precision: float = 0.0
    drift: float = 0.0
    was_inside: bool = False
    turned_at: float = 0.0
    began_at: float = 0.0
    told_at: float = 0.0
    clear_fixes: int = 0
    revision: int = 1

    @property
    def is_visiting(self) -> bool:
        return self.phase >= INSIDE

    @property
    def is_muted(self) -> bool:
        return self.told_at != self.began_at

    @property
    def has_dwelled(self) -> bool:
        return self.phase in {DWELLED, LEAVING_DWELLED}


class Crossing(msgspec.Struct, frozen=True, gc=False):
    """An enter, dwell or exit; `at` is when it happened, as far as the fixes can tell."""

    fence_id: int
    kind: CrossingKind
    at: float
    confidence: float


Step = tuple[FenceState | None, tuple[Crossing, ...]]


def step(
    fence_id: int, state: FenceState | None, signed_distance_m: float, fix: Fix, rules: FenceRules
) -> Step:
    """What one accepted fix changes. The distance is to the fence's edge in metres, negative inside.

    None for the state is "outside, nothing remembered", both ways. Fixes come in the order of time.
    The given state is never changed. ValueError for what is not finite.
    """
    if not isfinite(signed_distance_m + fix.at + fix.accuracy_m):
        raise ValueError("a distance, time and accuracy must be finite")
    if state is None:
        state = FenceState(RESTING, fix.at, revision=rules.revision)
    elif (
        fix.at - state.seen_at > VISIT_SURVIVES_SILENCE_S and state.phase >= INSIDE and signed_distance_m <= 0
    ):
        return _begin_again(fence_id, state, signed_distance_m, fix, rules)
    accuracy_m = max(fix.accuracy_m, FINEST_ACCURACY_M)
    error_m = accuracy_m / ACCURACY_PER_SIGMA
    if fix.at - state.seen_at < SOONEST_NEWS_S and state.precision * error_m * error_m >= 1:
        # No better than what is known, with the same error still: a walk of seconds would pass for drift.
        return state, ()
    # An error along the edge of a circle makes a phone seem farther out: by variance / 2r on average,
    # while that is small. The cap holds where it is not.
    distance_m = signed_distance_m - min(error_m * error_m / (2 * rules.radius_m), rules.radius_m / 2)
    seen = _weigh(state, distance_m, fix.at, error_m)
    if seen.phase < INSIDE:
        return _while_outside(fence_id, seen, rules)
    return _while_visiting(fence_id, seen, state.seen_at, distance_m > accuracy_m, rules)


def _weigh(state: FenceState, distance_m: float, at: float, error_m: float) -> FenceState:
    """A new state, of the same phase, whose estimate takes in one more distance with that sigma."""
    silence_s = at - state.seen_at
    variance = error_m * error_m
    has_expired = state.precision == 0 or silence_s > EVIDENCE_LASTS_S
    estimate_m, precision = distance_m, 1 / variance
    if not has_expired:
        kept = exp(-silence_s / ERROR_CORRELATION_S)
        new = 1 - kept
        # What is known of the distance after the wandering since, then of this fix's own part of error.
        known = state.precision / (1 + state.precision * WANDERING_M2_PER_S * silence_s)
        fresh_variance = variance * (1 - kept * kept)
        spread = fresh_variance + new * new / known
        surprise_m = distance_m - state.estimate_m - kept * state.drift * error_m
        if surprise_m * surprise_m <= SURPRISE * spread:
            estimate_m = state.estimate_m + surprise_m * new / (known * spread)
            # No better than people and outlines allow, no worse than this fix alone.
            precision = max(min(known + new * new / fresh_variance, FINEST_PRECISION), 1 / variance)
    is_inside = distance_m <= 0
    has_turned = has_expired or is_inside is not state.was_inside
    return FenceState(
        state.phase,
        at,
        estimate_m,
        precision,
        (distance_m - estimate_m) / error_m,
        is_inside,
        at if has_turned else state.turned_at,
        state.began_at,
        state.told_at,
        state.clear_fixes,
        state.revision,
    )


# From here on `seen` is a state of this step's own making and is finished in place.


def _while_outside(fence_id: int, seen: FenceState, rules: FenceRules) -> Step:
    standard_error_m = 1 / sqrt(seen.precision)
    errors = ENTER_ERRORS if seen.drift else ENTER_ERRORS_OF_ONE_FIX
    if seen.estimate_m + errors * standard_error_m <= -ENTER_MARGIN_M:
        return _begin(fence_id, seen, rules)
    if seen.estimate_m - 2 * standard_error_m > FORGOTTEN_BEYOND_M:
        return rest(seen, seen.seen_at, rules), ()
    seen.phase = ENTERING
    return seen, ()


def _begin(fence_id: int, seen: FenceState, rules: FenceRules) -> Step:
    seen.phase = INSIDE
    seen.began_at = seen.turned_at = seen.turned_at if seen.was_inside else seen.seen_at
    enters: tuple[Crossing, ...] = ()
    if seen.told_at == 0 or seen.began_at >= seen.told_at + rules.retrigger_s:
        seen.told_at = seen.began_at
        enters = (Crossing(fence_id, "enter", seen.began_at, confidence(seen)),)
    after, dwells = _stay(fence_id, seen, seen.began_at, rules)
    return after, enters + dwells


def _while_visiting(
    fence_id: int, seen: FenceState, seen_before_at: float, is_beyond_its_error: bool, rules: FenceRules
) -> Step:
    if seen.estimate_m <= 0:
        return _stay(fence_id, seen, seen_before_at, rules)
    seen.phase = LEAVING_DWELLED if seen.has_dwelled else LEAVING
    if is_beyond_its_error and seen.estimate_m - EXIT_ERRORS / sqrt(seen.precision) > EXIT_MARGIN_M:
        seen.clear_fixes += 1
    if seen.clear_fixes < EXIT_FIXES:
        return seen, ()
    return _end(fence_id, seen, rules)


def _stay(fence_id: int, seen: FenceState, seen_before_at: float, rules: FenceRules) -> Step:
    """Still there, perhaps for long enough. The dwell is told once per visit, by a fix inside.

    It happened when it fell due; or now, where until this fix nobody could know that the visit went on.
    """
    seen.clear_fixes = 0
    if seen.phase == DWELLED:
        return seen, ()
    if seen.phase == LEAVING_DWELLED:
        seen.phase = DWELLED
        return seen, ()
    due_at = seen.began_at + rules.dwell_s
    was_credible = seen.phase == INSIDE and due_at - seen_before_at <= PRESENCE_CREDIBLE_S
    seen.phase = INSIDE
    if seen.seen_at < due_at or not seen.was_inside:
        return seen, ()
    return _dwell(fence_id, seen, due_at if was_credible else seen.seen_at)


def _dwell(fence_id: int, seen: FenceState, at: float) -> Step:
    seen.phase = DWELLED
    return seen, () if seen.is_muted else (Crossing(fence_id, "dwell", at, confidence(seen)),)


def _end(fence_id: int, seen: FenceState, rules: FenceRules) -> Step:
    at = max(seen.turned_at, _earliest_exit_at(seen, rules))
    exits = () if seen.is_muted else (Crossing(fence_id, "exit", at, confidence(seen)),)
    seen.began_at, seen.clear_fixes = 0.0, 0
    after, _ = _while_outside(fence_id, seen, rules)
    return after, exits


def _earliest_exit_at(state: FenceState, rules: FenceRules) -> float:
    """A dwell may have been told by a timer, before fixes came that show an earlier departure."""
    return state.began_at + rules.dwell_s if state.has_dwelled else state.began_at


def _begin_again(
    fence_id: int, state: FenceState, signed_distance_m: float, fix: Fix, rules: FenceRules
) -> Step:
    """Seen inside after a long silence: the old visit ended while nobody looked, this may be another.

    The old one's exit is told for when presence stopped being credible, too old to be acted on.
    """
    exits: tuple[Crossing, ...] = ()
    if not state.is_muted:
        at = max(state.seen_at + PRESENCE_CREDIBLE_S, _earliest_exit_at(state, rules))
        exits = (Crossing(fence_id, "exit", at, 0.5),)
    after, enters = step(fence_id, rest(state, fix.at, rules), signed_distance_m, fix, rules)
    return after, exits + enters


def rest(state: FenceState, now: float, rules: FenceRules) -> FenceState | None:
    """Outside with nothing to weigh: only an unfinished re-trigger time is worth keeping."""
    if state.told_at > 0 and now < state.told_at + rules.retrigger_s:
        return FenceState(RESTING, state.seen_at, told_at=state.told_at, revision=rules.revision)
    return None


def confidence(state: FenceState) -> float:
    """Phi(|estimate| / standard error)."""
    return 1 - 0.5 * erfc(abs(state.estimate_m) * sqrt(state.precision / 2))


def dwell_due_at(state: FenceState | None, rules: FenceRules) -> float | None:
    """When a timer should look at this visit; None when there is nothing to wait for."""
    if state is None or state.phase != INSIDE or state.is_muted:
        return None
    return state.began_at + rules.dwell_s


def is_credibly_inside(
    state: FenceState | None, now: float, last_fix_at: float, *, is_watched_by_os: bool = False
) -> bool:
    """Whether a phone that was seen inside may still be believed to be there, and is not seen leaving."""
    if state is None or state.phase not in (INSIDE, DWELLED):
        return False
    return now - last_fix_at <= (WATCHED_PRESENCE_CREDIBLE_S if is_watched_by_os else PRESENCE_CREDIBLE_S)


def fire_dwell(
    fence_id: int,
    state: FenceState | None,
    now: float,
    last_fix_at: float,
    rules: FenceRules,
    *,
    is_watched_by_os: bool = False,
) -> Step:
    """A timer ran out. The dwell happened if it is due and presence was credible when it fell due.

    Where it was not, the visit ends silently: no timer waits for it any more. Yet it is not forgotten:
    a fix inside within the hour takes it up again, a fix clearly outside is its exit. Called too early,
    twice, for a muted visit or for a phone last seen outside, this changes nothing.
    """
    due_at = dwell_due_at(state, rules)
    if state is None or due_at is None or now < due_at or not state.was_inside:
        return state, ()
    after = msgspec.structs.replace(state)
    credible_s = WATCHED_PRESENCE_CREDIBLE_S if is_watched_by_os else PRESENCE_CREDIBLE_S
    if due_at - last_fix_at <= credible_s:
        return _dwell(fence_id, after, due_at)
    after.phase = LAPSED
    return after, ()
