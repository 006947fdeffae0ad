"""Does a phone's noisy distance to a fence's edge amount to an enter, a dwell or an exit?

Owns the state machine of one (device, fence): `outside → entering → inside → dwelled → leaving →
outside`. Pure: plain values in, new values out, times by the fixes' own clock. Knows nothing of shapes,
of other fences, or of which fixes are to be believed (`geo.tracking`).

How evidence is weighed. A fix's error is a 2-D Gaussian whose 68 % radius is `accuracy_m`, so its part
across the edge has σ = accuracy / 1.51; it drifts as an Ornstein–Uhlenbeck process (60 s), so ten
fixes in a minute say little more than one. Per fence the rules keep an estimate of the signed distance
(negative inside) and its precision, as a Kalman filter does that assumes a phone which keeps its
distance and an error of that colour. Fixes that the assumption cannot explain show that the phone
moved, and the estimate starts anew from the latest. So a phone that stays put is known ever better,
however vague each fix; a phone that walks is judged by its last fix. Both sides ask for a margin in
standard errors of the estimate and one in metres, and the margins are wider for exits than for
enters: that hysteresis is what keeps a phone on the edge from flapping.

`at` of an enter or exit is the fix at which the estimate changed sides, not the later one that made it
certain. To judge whether a crossing is fresh enough to act on, use the deciding fix's own time.

Confidence is Φ(|estimate| / standard error): the probability, under that model, that the phone is on
the side it is said to be on.
"""

from math import erfc, exp, sqrt
from typing import Final

import msgspec

from geo.fixes import CrossingKind, Fix

SIGMAS_IN_68_PERCENT_RADIUS: Final = 1.5096  # sqrt(-2 ln 0.32), two dimensions
ERROR_CORRELATION_S: Final = 60.0
FINEST_ACCURACY_M: Final = 4.0
EVIDENCE_LASTS_S: Final = 150.0
SHORTEST_STEP_S: Final = 0.1
SURPRISE: Final = 12.0  # squared standard errors that a phone keeping its distance cannot explain
SMALLEST_ERROR_M: Final = 4.0  # people wander, outlines are imprecise: no estimate is better than this
MOST_INDEPENDENT_FIXES: Final = 12.0

ENTER_ERRORS: Final = 1.6
ENTER_MARGIN_M: Final = 0.0
EXIT_ERRORS: Final = 3.0
EXIT_MARGIN_M: Final = 8.0
EXIT_FIXES: Final = 2
FORGET_BEYOND_M: Final = 40.0

PRESENCE_CREDIBLE_S: Final = 600.0
WATCHED_PRESENCE_CREDIBLE_S: Final = 6 * 3600.0
VISIT_SURVIVES_SILENCE_S: Final = 3600.0

RESTING: Final = 0  # outside, nothing weighed; remembered only for the re-trigger time
ENTERING: Final = 1
INSIDE: Final = 2
DWELLED: Final = 3
LEAVING: Final = 4
LEAVING_DWELLED: Final = 5
LAPSED: Final = 6  # inside when last seen, but its dwell fell due when presence was no longer credible


class FenceRules(msgspec.Struct, frozen=True):
    """What a fence asks for. `radius_m` is effective: sqrt(area / π). `revision` grows with every edit."""

    dwell_s: float
    retrigger_s: float
    radius_m: float
    revision: int = 1


class FenceState(msgspec.Struct, frozen=True, array_like=True):
    """All that is remembered of one device at one fence, until it is well away again.

    seen_at        the last fix that was weighed
    last_m         its signed distance
    estimate_m     the best guess of the signed distance, with `precision` = 1 / its variance
    turned_at      when the estimate last changed sides
    began_at       when the visit began (0: no visit); `told_at` when an enter was last told (0: never).
                   A visit is muted, from enter to exit, when the two differ: the re-trigger time ran.
    clear_fixes    how many fixes in a row were clearly outside
    """

    phase: int
    seen_at: float
    last_m: float = 0.0
    estimate_m: float = 0.0
    precision: float = 0.0
    turned_at: float = 0.0
    began_at: float = 0.0
    told_at: float = 0.0
    clear_fixes: int = 0
    revision: int = 1


class Crossing(msgspec.Struct, frozen=True):
    """An enter, dwell or exit; `at` is when it happened, as far as the fixes can tell."""

    fence_id: int
    kind: CrossingKind
    at: float
    confidence: float


Step = tuple[FenceState | None, tuple[Crossing, ...]]


def step(
    fence_id: int, state: FenceState | None, signed_distance_m: float, fix: Fix, rules: FenceRules
) -> Step:
    """What one accepted fix changes. Distance to the fence's edge in metres, negative inside.

    None for the state is "outside, nothing remembered", both ways. Fixes come in the order of time.
    """
    at = fix.at
    if state is None:
        state = FenceState(RESTING, at, revision=rules.revision)
    elif state.phase >= INSIDE and signed_distance_m <= 0 and at - state.seen_at > VISIT_SURVIVES_SILENCE_S:
        return _begin_again(fence_id, state, signed_distance_m, fix, rules)
    error_m = max(fix.accuracy_m, FINEST_ACCURACY_M) / SIGMAS_IN_68_PERCENT_RADIUS
    # Errors along the edge of a small fence push a phone outwards on average (its edge is curved).
    bias_m = min(error_m * error_m / (2 * rules.radius_m), rules.radius_m / 2)
    estimate_m, precision = _weigh(state, signed_distance_m - bias_m, at, error_m)
    turned = state.precision == 0 or (estimate_m <= 0) is not (state.estimate_m <= 0)
    seen = FenceState(
        state.phase,
        at,
        signed_distance_m - bias_m,
        estimate_m,
        precision,
        at if turned else state.turned_at,
        state.began_at,
        state.told_at,
        state.clear_fixes,
        state.revision,
    )
    if state.phase >= INSIDE:
        return _while_visiting(fence_id, seen, state.seen_at, rules)
    return _while_outside(fence_id, seen, rules)


def _weigh(state: FenceState, distance_m: float, at: float, error_m: float) -> tuple[float, float]:
    """The estimate and its precision after one more distance with that standard error."""
    silence_s = max(at - state.seen_at, SHORTEST_STEP_S)
    variance = error_m * error_m
    if state.precision == 0 or silence_s > EVIDENCE_LASTS_S:
        return distance_m, 1 / variance
    kept = exp(-silence_s / ERROR_CORRELATION_S)
    new = 1 - kept
    fresh_variance = variance * (1 - kept * kept)
    spread = fresh_variance + new * new / state.precision
    surprise_m = distance_m - state.estimate_m - kept * (state.last_m - state.estimate_m)
    if surprise_m * surprise_m > SURPRISE * spread:
        return distance_m, 1 / variance
    estimate_m = state.estimate_m + surprise_m * new / (state.precision * spread)
    best = min(MOST_INDEPENDENT_FIXES / variance, 1 / (SMALLEST_ERROR_M * SMALLEST_ERROR_M))
    return estimate_m, max(min(state.precision + new * new / fresh_variance, best), 1 / variance)


def _while_outside(fence_id: int, seen: FenceState, rules: FenceRules) -> Step:
    standard_error_m = 1 / sqrt(seen.precision)
    if seen.estimate_m + ENTER_ERRORS * standard_error_m <= -ENTER_MARGIN_M:
        return _begin(fence_id, seen, rules)
    if seen.estimate_m - 2 * standard_error_m > FORGET_BEYOND_M:
        return rest(seen, seen.seen_at, rules), ()
    return msgspec.structs.replace(seen, phase=ENTERING), ()


def _begin(fence_id: int, seen: FenceState, rules: FenceRules) -> Step:
    began_at = seen.turned_at
    is_muted = seen.told_at > 0 and began_at < seen.told_at + rules.retrigger_s
    inside = msgspec.structs.replace(
        seen, phase=INSIDE, began_at=began_at, told_at=seen.told_at if is_muted else began_at, clear_fixes=0
    )
    enters = () if is_muted else (Crossing(fence_id, "enter", began_at, confidence(seen)),)
    after, dwells = _stay(fence_id, inside, began_at, rules)
    return after, enters + dwells


def _while_visiting(fence_id: int, seen: FenceState, seen_before_at: float, rules: FenceRules) -> Step:
    if seen.estimate_m <= 0:
        return _stay(fence_id, seen, seen_before_at, rules)
    has_dwelled = seen.phase == DWELLED or seen.phase == LEAVING_DWELLED
    is_clear = seen.estimate_m - EXIT_ERRORS / sqrt(seen.precision) > EXIT_MARGIN_M
    leaving = msgspec.structs.replace(
        seen,
        phase=LEAVING_DWELLED if has_dwelled else LEAVING,
        clear_fixes=seen.clear_fixes + 1 if is_clear else 0,
    )
    if leaving.clear_fixes < EXIT_FIXES:
        return leaving, ()
    return _end(fence_id, leaving, max(seen.turned_at, seen.began_at), rules)


def _stay(fence_id: int, seen: FenceState, seen_before_at: float, rules: FenceRules) -> Step:
    """Inside by this fix: the dwell is due, or is not yet."""
    if seen.phase == DWELLED or seen.phase == LEAVING_DWELLED:
        return msgspec.structs.replace(seen, phase=DWELLED, clear_fixes=0), ()
    due_at = seen.began_at + rules.dwell_s
    if seen.seen_at < due_at:
        return msgspec.structs.replace(seen, phase=INSIDE, clear_fixes=0), ()
    was_credible = seen.phase == INSIDE and due_at - seen_before_at <= PRESENCE_CREDIBLE_S
    return _dwell(fence_id, seen, due_at if was_credible else seen.seen_at)


def _dwell(fence_id: int, state: FenceState, at: float) -> Step:
    dwelled = msgspec.structs.replace(state, phase=DWELLED, clear_fixes=0)
    if state.told_at != state.began_at:
        return dwelled, ()
    return dwelled, (Crossing(fence_id, "dwell", at, confidence(state)),)


def _end(fence_id: int, state: FenceState, at: float, rules: FenceRules) -> Step:
    is_told = state.told_at == state.began_at
    exits = (Crossing(fence_id, "exit", at, confidence(state)),) if is_told else ()
    after, _ = _while_outside(
        fence_id, msgspec.structs.replace(state, phase=ENTERING, began_at=0.0, clear_fixes=0), rules
    )
    return after, exits


def _begin_again(
    fence_id: int, state: FenceState, signed_distance_m: float, fix: Fix, rules: FenceRules
) -> Step:
    """Seen inside after a long silence: the old visit ended when nobody looked, this is another."""
    exits: tuple[Crossing, ...] = ()
    if state.told_at == state.began_at:
        exits = (Crossing(fence_id, "exit", state.seen_at + PRESENCE_CREDIBLE_S, 0.5),)
    after, enters = step(fence_id, rest(state, fix.at, rules), signed_distance_m, fix, rules)
    return after, exits + enters


def rest(state: FenceState, now: float, rules: FenceRules) -> FenceState | None:
    """Outside with nothing to weigh: only an unfinished re-trigger time is worth keeping."""
    if state.told_at > 0 and now < state.told_at + rules.retrigger_s:
        return FenceState(RESTING, state.seen_at, told_at=state.told_at, revision=rules.revision)
    return None


def confidence(state: FenceState) -> float:
    """Φ(|estimate| / standard error), 0.5–1."""
    return 1 - 0.5 * erfc(abs(state.estimate_m) * sqrt(state.precision / 2))


def dwell_due_at(state: FenceState | None, rules: FenceRules) -> float | None:
    """When a timer should look at this visit; None when there is nothing to wait for."""
    if state is None or state.phase != INSIDE:
        return None
    return state.began_at + rules.dwell_s


def fire_dwell(
    fence_id: int,
    state: FenceState | None,
    now: float,
    last_fix_at: float,
    rules: FenceRules,
    *,
    is_watched_by_os: bool = False,
) -> Step:
    """A timer ran out. Fires where the dwell is due and presence was credible when it fell due.

    Where it was not, the visit ends silently: no dwell by timer any more. A fix that shows the phone
    inside within an hour takes it up again. Called too early, twice, or for a phone that seems to be
    leaving, it changes nothing.
    """
    due_at = dwell_due_at(state, rules)
    if state is None or due_at is None or now < due_at:
        return state, ()
    credible_s = WATCHED_PRESENCE_CREDIBLE_S if is_watched_by_os else PRESENCE_CREDIBLE_S
    if due_at - last_fix_at > credible_s:
        return msgspec.structs.replace(state, phase=LAPSED), ()
    return _dwell(fence_id, state, due_at)
