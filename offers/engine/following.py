"""The tracking stage of a flush: fixes become crossings, phone by phone, under the locks.

Owns who may be followed at all and for what (no consent to location: refused, nothing kept), the retried
batch that gets its old answer again, and which crossings concern an offer. Decides nothing about offers.
Fences are followed for offers, cars for parking, each with its own consent (`geo.vehicles`).
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from geo.crossings import INSIDE, PRESENCE_CREDIBLE_S, Crossing, FenceRules, dwell_due_at, fire_dwell
from geo.errors import Forbidden
from geo.fixes import Fix
from geo.index import EARTH_RADIUS_M
from geo.locating import Distances, locate
from geo.tracking import NO_ANSWER, DeviceState, advance, batch_key, judge
from geo.vehicles import CarEvent, drive, is_riding, left
from offers.engine.answers import CrossingSeen, FixesAnswer, FixOutcome, utc
from offers.engine.deciding import Occasion
from offers.engine.loading import Visitor
from offers.engine.snapshot import Fence, Snapshot
from offers.engine.work import Due, Sent, crossing_id
from offers.parking.prompts import ParkingPrompt
from offers.people.keys import CustomerKey

NEXT_FIX_AFTER_S: Final = 15
LATEST_NEXT_FIX_AFTER_S: Final = 900
# A phone that is to dwell is heard before its presence stops being credible.
LATEST_WHILE_VISITING_S: Final = int(PRESENCE_CREDIBLE_S) - 60
FASTEST_WALK_MPS: Final = 2.0
# No car that is parked, or that a phone is not in yet, can be noticed to drive before it went so far.
QUIET_OF_PARKING_M: Final = 150.0

_read_answer: Final = msgspec.json.Decoder(FixesAnswer).decode


class Seen(msgspec.Struct):
    """A crossing to be written, with the fence as it was when it was crossed."""

    crossing_id: UUID
    visitor: Visitor
    crossing: Crossing
    fence: Fence


class Timer(msgspec.Struct):
    """A dwell timer to set (`due_at`, Unix seconds) or to clear (None)."""

    visitor: Visitor
    fence_id: int
    due_at: float | None


class CarSeen(msgspec.Struct):
    """A car that stopped or drives on, and the answer in which its phone may be asked about it."""

    visitor: Visitor
    event: CarEvent
    answer: FixesAnswer

    @property
    def key(self) -> CustomerKey:
        return CustomerKey(self.visitor.bucket, self.visitor.customer_id)

    @property
    def device_id(self) -> UUID:
        device_id: UUID = self.visitor.device_id
        return device_id

    def is_asked(self, asked: ParkingPrompt) -> None:
        self.answer.parking_prompts.append(asked)

    def has_left(self) -> None:
        """Nobody needs to know any more where the car drives."""
        if self.visitor.state.vehicle is not None:
            self.visitor.state.vehicle = left(self.visitor.state.vehicle)


class Followed(msgspec.Struct):
    """What tracking found in one flush, in the order of the work."""

    seen: list[Seen] = []
    timers: list[Timer] = []
    occasions: list[Occasion] = []
    cars: list[CarSeen] = []
    answers: dict[int, FixesAnswer | Forbidden] = {}
    # Timers of fences that this worker has not heard of yet: to be fired later.
    deferred: set[int] = set()
    verdicts: Counter[str] = msgspec.field(default_factory=Counter)


class Arrival(msgspec.Struct):
    """A batch with its key and its fixes on the server's clock, in the order of the request."""

    position: int
    visitor: Visitor
    key: str
    monitored: tuple[int, ...]
    fixes: list[Fix]
    # It was answered before, plainly: only the advice is worked out again.
    is_again: bool


class Follower:
    """Follows the visitors of one flush."""

    def __init__(self, snapshot: Snapshot, now: float, *, is_ticking: bool, is_behind: bool) -> None:
        """`is_behind`: a newer configuration than the snapshot is committed."""
        self._snapshot = snapshot
        self._now = now
        self._is_ticking = is_ticking
        self._is_behind = is_behind
        self._seen: set[UUID] = set()
        self.followed = Followed()

    def follow_phones(self, batches: Sequence[tuple[int, Sent, Visitor]]) -> None:
        """Each batch of fixes with its position in the work and the phone it came from."""
        arrivals = [arrival for batch in batches if (arrival := self._arrive(*batch)) is not None]
        if not arrivals:
            return
        located = locate(
            self._snapshot.index, [(one.fixes, one.visitor.state.watched_fences()) for one in arrivals]
        )
        for one, distances, edge_m in zip(arrivals, located.distances, located.quiet_radius_m, strict=True):
            state = one.visitor.state
            if one.is_again:
                answer = self._answer([FixOutcome(fix.fix_id, "accepted") for fix in one.fixes])
            else:
                answer = self._follow(one.visitor, one.fixes, distances)
                state.batch = one.key
                state.monitored = one.monitored
                one.visitor.was_touched = True
            last = max(one.fixes, key=_at) if len(one.fixes) > 1 else one.fixes[0]
            # Where a fix is not believed nobody knows where the phone is, so it is to be heard again soon.
            is_believed = state.last is not None and state.last.at == last.at and state.doubted is None
            if is_believed or one.is_again:
                quiet_radius_m = max(0.0, _quiet_m(one.visitor, edge_m) - last.accuracy_m)
                answer.quiet_radius_m = round(quiet_radius_m, 1)
                answer.next_fix_after_s = next_fix_after_s(quiet_radius_m, last.speed_mps, state)
            self.followed.answers[one.position] = answer

    def _arrive(self, position: int, sent: Sent, visitor: Visitor) -> Arrival | None:
        """The fixes on the server's clock; None when they are refused or were answered before."""
        if not (visitor.for_offers or visitor.for_parking):
            self.followed.answers[position] = Forbidden(
                "Location is not consented to, neither for offers nor for parking; nothing was kept.",
                code="no_location_consent",
            )
            return None
        key = batch_key([fix.fix_id for fix in sent.fixes])
        is_again = visitor.state.batch == key
        if is_again and visitor.state.answer != NO_ANSWER:
            self.followed.answers[position] = _read_answer(visitor.state.answer)
            return None
        waited_s = time.monotonic() - sent.arrived_at if self._is_ticking and sent.arrived_at else 0.0
        shift_s = self._now - waited_s - sent.sent_at
        fixes = [_shifted(fix, shift_s) for fix in sent.fixes]
        return Arrival(position, visitor, key, sent.monitored, fixes, is_again)

    def _answer(self, outcomes: list[FixOutcome]) -> FixesAnswer:
        return FixesAnswer(outcomes, [], [], [], 0.0, NEXT_FIX_AFTER_S, utc(self._now))

    def _follow(self, visitor: Visitor, fixes: Sequence[Fix], distances: Sequence[Distances]) -> FixesAnswer:
        state, rules_of = visitor.state, self._snapshot.rules_of
        answer = self._answer([])
        edited = self._edited(state)
        outcomes: dict[int, FixOutcome] = {}
        # What came out of order within one batch is not late; it is answered in the order of the request.
        order = range(len(fixes))
        for number in order if len(fixes) == 1 else sorted(order, key=lambda number: fixes[number].at):
            fix = fixes[number]
            verdict, reason = judge(state, fix, sent_at=self._now, now=self._now)
            outcomes[number] = FixOutcome(fix.fix_id, verdict, reason)
            self.followed.verdicts[verdict] += 1
            if verdict == "accepted":
                self._drive(visitor, fix, answer)
                around = distances[number] if visitor.for_offers else {}
                told = advance(state, fix, around, rules_of, is_behind=self._is_behind)
                for crossing in told:
                    seen = self._see(visitor, crossing, fix.at, (fix.lat, fix.lon), is_answered=True)
                    if seen is not None:
                        answer.crossings.append(seen)
        answer.fixes.extend(outcomes[number] for number in order)
        for fence_id, rules in edited:
            due_at = dwell_due_at(state.fences.get(fence_id), rules)
            self.followed.timers.append(Timer(visitor, fence_id, due_at))
        return answer

    def _drive(self, visitor: Visitor, fix: Fix, answer: FixesAnswer) -> None:
        """Before `advance`, which forgets where the phone was."""
        if not visitor.for_parking:
            return
        state = visitor.state
        state.vehicle, event = drive(state.vehicle, state.last, fix)
        if event is not None:
            self.followed.cars.append(CarSeen(visitor, event, answer))

    def _edited(self, state: DeviceState) -> list[tuple[int, FenceRules]]:
        """The fences of a phone that were edited since its last fix: their dwell may fall due elsewhen."""
        return [
            (fence_id, rules)
            for fence_id, known in state.fences.items()
            if (rules := self._snapshot.rules_of(fence_id)) is not None and rules.revision > known.revision
        ]

    def fire_timer(self, position: int, due: Due, visitor: Visitor) -> None:
        """A dwell whose moment has come, if presence is still credible."""
        fence = self._snapshot.fences.get(due.fence_id)
        state = visitor.state
        before = state.fences.get(due.fence_id)
        is_newer = fence is None or (before is not None and before.revision > fence.rules.revision)
        if self._is_behind and is_newer:
            self.followed.deferred.add(position)
            return
        self.followed.timers.append(Timer(visitor, due.fence_id, None))
        if fence is None or before is None or state.last is None or not visitor.is_active:
            return
        if before.revision < fence.rules.shape_revision:
            return  # the next fix says whether the phone is in the new shape
        kept, crossings = fire_dwell(
            due.fence_id,
            before,
            self._now,
            state.watermark_at,
            fence.rules,
            is_watched_by_os=due.fence_id in state.monitored,
        )
        visitor.was_touched = True
        if kept is None:
            del state.fences[due.fence_id]
        else:
            state.fences[due.fence_id] = kept
        again_at = dwell_due_at(kept, fence.rules)
        if again_at is not None and again_at > self._now:  # another visit, or a longer dwell than before
            self.followed.timers.append(Timer(visitor, due.fence_id, again_at))
        for crossing in crossings:
            self._see(visitor, crossing, crossing.at, (state.last.lat, state.last.lon), is_answered=False)

    def _see(
        self,
        visitor: Visitor,
        crossing: Crossing,
        fix_at: float,
        position: tuple[float, float],
        *,
        is_answered: bool,
    ) -> CrossingSeen | None:
        """None: it is the same crossing again, to the moment (a timer's dwell can hold back an exit)."""
        name = crossing_id(visitor.device_id, crossing.fence_id, crossing.kind, crossing.at)
        fence = self._snapshot.fences[crossing.fence_id]
        self._set_timer(visitor, crossing, fence)
        if name in self._seen:
            return None
        self._seen.add(name)
        self.followed.seen.append(Seen(name, visitor, crossing, fence))
        offers = tuple(offer for offer in fence.offers if crossing.kind in offer.triggers)
        if offers:
            place = fence.place
            self.followed.occasions.append(
                Occasion(
                    bucket=visitor.bucket,
                    customer_id=visitor.customer_id,
                    device_id=visitor.device_id,
                    at=fix_at,  # a crossing is as fresh as the fix that made it certain
                    crossing_id=name,
                    trigger=crossing.kind,
                    place=place,
                    offers=offers,
                    distance_m=metres_between(*position, place.latitude, place.longitude),
                    is_answered=is_answered,
                )
            )
        return CrossingSeen(
            crossing_id=name,
            fence_id=crossing.fence_id,
            site_id=fence.place.site_id,
            kind=crossing.kind,
            at=utc(crossing.at),
            confidence=round(crossing.confidence, 3),
        )

    def _set_timer(self, visitor: Visitor, crossing: Crossing, fence: Fence) -> None:
        due_at = None
        if crossing.kind == "enter":
            due_at = dwell_due_at(visitor.state.fences[crossing.fence_id], fence.rules)
        self.followed.timers.append(Timer(visitor, crossing.fence_id, due_at))


def _quiet_m(visitor: Visitor, edge_m: float) -> float:
    """Within so much of the last fix nothing can happen that this phone is followed for."""
    quiet_m = edge_m if visitor.for_offers else QUIET_OF_PARKING_M
    if not visitor.for_parking:
        return quiet_m
    return 0.0 if is_riding(visitor.state.vehicle) else min(quiet_m, QUIET_OF_PARKING_M)


def _at(fix: Fix) -> float:
    return fix.at


def _shifted(fix: Fix, shift_s: float) -> Fix:
    return Fix(
        fix_id=fix.fix_id,
        at=fix.at + shift_s,
        lat=fix.lat,
        lon=fix.lon,
        accuracy_m=fix.accuracy_m,
        speed_mps=fix.speed_mps,
        heading_deg=fix.heading_deg,
        mocked=fix.mocked,
    )


def next_fix_after_s(quiet_radius_m: float, speed_mps: float | None, state: DeviceState) -> int:
    """How long the phone may stay silent: the time to leave the quiet circle at a brisk pace."""
    fastest_mps = max(FASTEST_WALK_MPS, 1.5 * (speed_mps or 0.0))
    is_to_dwell = any(fence.phase == INSIDE for fence in state.fences.values())
    latest_s = LATEST_WHILE_VISITING_S if is_to_dwell else LATEST_NEXT_FIX_AFTER_S
    return int(min(max(quiet_radius_m / fastest_mps, NEXT_FIX_AFTER_S), latest_s))


def metres_between(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Equirectangular: right to a thousandth at the distances of a street."""
    north = math.radians(other_lat - lat)
    east = math.radians(other_lon - lon) * math.cos(math.radians(lat))
    return EARTH_RADIUS_M * math.hypot(north, east)
