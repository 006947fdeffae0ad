"""What is remembered of one phone between fixes, and which of its fixes are believed.

Owns the verdict on each fix (duplicate, late, rejected, accepted), the watermark that keeps late fixes
from moving anything back, and the walk over the fences that a fix may concern. No I/O: the owner of a
`DeviceState` loads it, lets `judge` and `advance` update it in place, and stores it. What a distance
means for a fence is `geo.crossings`' business.
"""

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from math import cos, hypot, isfinite, radians
from typing import Final

import msgspec

from geo.crossings import RESTING, Crossing, FenceRules, FenceState, Step, rest, step
from geo.fixes import Fix, Verdict
from geo.sightings import METRES_PER_DEGREE, Sighting
from geo.vehicles import Vehicle

OLDEST_FIX_S: Final = 86_400.0
COARSEST_ACCURACY_M: Final = 1000.0
FASTEST_MPS: Final = 100.0  # above any train or road; aeroplanes are not tracked
DOUBTED_FIXES_THAT_CONVINCE: Final = 2
CLOCK_ROUNDING_S: Final = 0.001
REMEMBERED_FIX_IDS: Final = 32
FIX_ID_CHARACTERS: Final = 11  # 8 bytes of hash in base64

NO_ANSWER: Final = msgspec.Raw(b"null")


class DeviceState(msgspec.Struct, omit_defaults=True):
    """All that is kept of a phone's movements; stored as JSON, so names are short there.

    last       the last accepted fix; its time is the watermark
    doubted    the last fix rejected for its speed, and how many in a row agreed with each other
    recent     hashes of the last 32 fix ids, newest last, run together
    fences     the fences it is at, near, or resting from
    batch, answer   the last batch's key and the answer it was given
    monitored  the fences that its operating system watches, as it said last
    vehicle    the car it rides in or left parked, for parking alone
    """

    last: Sighting | None = msgspec.field(default=None, name="l")
    doubted: Sighting | None = msgspec.field(default=None, name="d")
    doubts: int = msgspec.field(default=0, name="n")
    recent: str = msgspec.field(default="", name="r")
    fences: dict[int, FenceState] = msgspec.field(default_factory=dict, name="f")
    batch: str = msgspec.field(default="", name="b")
    answer: msgspec.Raw = msgspec.field(default=NO_ANSWER, name="a")
    monitored: tuple[int, ...] = msgspec.field(default=(), name="m")
    vehicle: Vehicle | None = msgspec.field(default=None, name="v")

    @property
    def watermark_at(self) -> float:
        return self.last.at if self.last is not None else 0.0

    def watched_fences(self) -> list[int]:
        """The fences whose distance `advance` needs, besides those that cover the fix."""
        return [fence_id for fence_id, fence in self.fences.items() if fence.phase != RESTING]


def batch_key(fix_ids: Iterable[str]) -> str:
    """The same for the same ids in the same order; 22 characters."""
    digest = blake2b(msgspec.json.encode(list(fix_ids)), digest_size=16).digest()
    return b2a_base64(digest, newline=False)[:22].decode()


def _hash_of(fix_id: str) -> str:
    return b2a_base64(blake2b(fix_id.encode(), digest_size=8).digest(), newline=False)[:11].decode()


def judge(state: DeviceState, fix: Fix, *, sent_at: float, now: float) -> tuple[Verdict, str | None]:
    """Whether to believe a fix, and why not. `sent_at` and `now` are on the server's clock.

    A fix rejected for its speed is remembered in `state` as doubted: when the next ones agree with it
    rather than with the last accepted one, the phone is where they say.
    """
    if _hash_of(fix.fix_id) in state.recent:
        return "duplicate", None
    reason = _implausible(fix, sent_at, now)
    if reason is not None:
        return "rejected", reason
    if state.last is None:
        return "accepted", None
    if fix.at <= state.last.at:
        return "late", None
    if is_reachable(state.last, fix) or _is_convinced(state, fix):
        return "accepted", None
    return "rejected", "impossible_speed"


def _implausible(fix: Fix, sent_at: float, now: float) -> str | None:
    if fix.at > sent_at + CLOCK_ROUNDING_S:
        return "after_sent_at"
    if fix.at < now - OLDEST_FIX_S:
        return "too_old"
    if fix.mocked:
        return "mocked"
    if fix.accuracy_m > COARSEST_ACCURACY_M:
        return "too_coarse"
    return None


def is_reachable(start: Sighting, fix: Fix) -> bool:
    """Whether the way from there to here needs no more than 100 m/s, both accuracies allowed for twice."""
    north_m = (fix.lat - start.lat) * METRES_PER_DEGREE
    east = (fix.lon - start.lon + 540) % 360 - 180
    east_m = east * METRES_PER_DEGREE * cos(radians((fix.lat + start.lat) / 2))
    allowed_m = FASTEST_MPS * (fix.at - start.at) + 2 * (fix.accuracy_m + start.accuracy_m)
    return hypot(north_m, east_m) <= allowed_m


def _is_convinced(state: DeviceState, fix: Fix) -> bool:
    """Two doubted fixes in a row that agree with this one outweigh the one they disagree with."""
    doubted = state.doubted
    if doubted is not None and fix.at <= doubted.at:
        return False
    agrees = doubted is not None and is_reachable(doubted, fix)
    if agrees and state.doubts >= DOUBTED_FIXES_THAT_CONVINCE:
        return True
    state.doubted = Sighting(fix.at, fix.lat, fix.lon, fix.accuracy_m)
    state.doubts = state.doubts + 1 if agrees else 1
    return False


def advance(
    state: DeviceState,
    fix: Fix,
    distances: Mapping[int, float],
    rules_of: Callable[[int], FenceRules | None],
    *,
    is_behind: bool = False,
) -> list[Crossing]:
    """Take an accepted fix: position, watermark, and every fence that it may concern.

    `distances`: signed metres to the edge, negative inside, for every fence that covers the fix and
    for all of `state.watched_fences()` that still exist; one of these that is missing there, or has no
    rules, is gone and is dropped silently. Others may be in it; that changes nothing. A fence whose
    shape changed goes on silently from its new shape.

    `is_behind`: newer rules exist than those given. Then fences that are not known, or known in an
    older revision, are left as they are.
    """
    if not isfinite(fix.lat + fix.lon):
        raise ValueError("a position must be finite")
    fences: dict[int, FenceState] = {}
    crossings: list[Crossing] = []
    for fence_id in sorted(state.fences.keys() | distances.keys()):
        rules, before = rules_of(fence_id), state.fences.get(fence_id)
        if is_behind and before is not None and (rules is None or rules.revision < before.revision):
            fences[fence_id] = before
            continue
        if rules is None:
            continue
        after, told = _visit(fence_id, before, distances.get(fence_id), fix, rules)
        if after is not None:
            fences[fence_id] = after
        crossings.extend(told)
    state.fences = fences
    state.last = Sighting(fix.at, fix.lat, fix.lon, fix.accuracy_m)
    state.doubted, state.doubts = None, 0
    state.recent = (state.recent + _hash_of(fix.fix_id))[-REMEMBERED_FIX_IDS * FIX_ID_CHARACTERS :]
    return crossings


def _visit(
    fence_id: int, before: FenceState | None, distance_m: float | None, fix: Fix, rules: FenceRules
) -> Step:
    if before is None or before.phase == RESTING:
        # It may be told of because another fix of its batch is inside: nothing to weigh here yet, or
        # what is decided would depend on how fixes are batched.
        if distance_m is None or distance_m > 0:
            return (None if before is None else rest(before, fix.at, rules)), ()
        if before is None:
            return step(fence_id, None, distance_m, fix, rules)
    if distance_m is None:
        return None, ()
    if before.revision >= rules.shape_revision:
        if before.revision != rules.revision:
            before = msgspec.structs.replace(before, revision=rules.revision)
        return step(fence_id, before, distance_m, fix, rules)
    # A new shape. A visit goes on where the fix is inside it; else it is silently over.
    if distance_m > 0:
        return rest(before, fix.at, rules), ()
    if before.is_visiting:
        kept: FenceState | None = msgspec.structs.replace(before, precision=0.0, revision=rules.revision)
    else:
        kept = rest(before, fix.at, rules)
    return step(fence_id, kept, distance_m, fix, rules)
