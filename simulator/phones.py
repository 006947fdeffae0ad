"""The phones at work: report where they are, and hear what they are told.

A phone does one thing after the other; phones act at the same time as each other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from simulator import wire
from simulator.client import Answer
from simulator.enrolment import (
    UNKNOWN_NOW,
    Enrolled,
    decide,
    erase,
    read_holdouts,
    turn_out_to_be,
    want_quiet,
)
from simulator.journal import AcceptedFixes, Crossed, Served, Span
from simulator.offers import Pocket
from simulator.parking.prompts import hear_prompt
from simulator.score import KINDS, Claim
from simulator.tracks import Track
from simulator.watching import SentFix

INBOX_EVERY_TICKS: Final = 20
LATEST_TICKS: Final = 6
TRIES_AFTER_ERASURE: Final = 4
NO_CONSENT: Final = frozenset({"no_location_consent"})
OTHER_FIXES: Final = "answer about other fixes than were sent"


class PhoneAtWork:
    """One phone during a run. `sent` lists each fix once, as it was first sent and answered."""

    def __init__(self, enrolled: Enrolled, track: Track, seed: np.random.SeedSequence) -> None:
        self.sent: list[SentFix] = []
        self.phone = enrolled.phone
        self.track = track
        self._rng, pocket_rng = (np.random.default_rng(own) for own in seed.spawn(2))
        self.pocket = Pocket(enrolled, pocket_rng)
        self.enrolled = enrolled
        self._world = enrolled.world
        self._unsent: list[int] = []
        self._late: list[tuple[int, int]] = []
        self._tries_left = TRIES_AFTER_ERASURE
        self._changes = list(self.phone.person.changes) if self.phone.is_first else []

    @property
    def customer_id(self) -> str:
        """Whose phone it is to the server."""
        return self.enrolled.customer.customer_id

    async def tells_holdouts(self) -> None:
        """Asks the server for everything about its person; one phone of each does."""
        if self.phone.is_first:
            await read_holdouts(self.enrolled)

    async def tick(self, number: int, now: datetime) -> None:
        """Everything this phone does in one interval, which has just ended at `now`."""
        now_s = self._world.seconds(now)
        while self._changes and self._changes[0].at_s <= now_s:
            change = self._changes.pop(0)
            if change.decisions:
                await decide(self.enrolled, change.decisions)
            if change.quiet is not None:
                await want_quiet(self.enrolled, change.quiet)
            if change.age_band is not None:
                await turn_out_to_be(self.enrolled, change.age_band)
            if change.erases:
                await erase(self.enrolled)
        if self._is_given_up():
            return
        fixes = self._fixes_to_send(number)
        if fixes:
            await self._send(fixes, now)
        await self.pocket.act(now_s)
        if (number + self.phone.number) % INBOX_EVERY_TICKS == 0:
            await self.pocket.look_at_inbox()

    def _is_given_up(self) -> bool:
        """A phone notices soon that nobody knows it any more; until then it goes on, and must be refused."""
        if self.enrolled.customer.is_erased:
            self._tries_left -= 1
        return self._tries_left < 0

    def _fixes_to_send(self, number: int) -> list[int]:
        """This interval's fix joins those that wait; a full batch goes, with what became late before."""
        if self._rng.random() < self.phone.delays:
            self._late.append((number + int(self._rng.integers(2, LATEST_TICKS + 1)), number))
        else:
            self._unsent.append(number)
        is_last = number + 1 == len(self.track.seconds)
        if len(self._unsent) < self.phone.fixes_per_request and not is_last:
            return []
        late = [fix for due, fix in self._late if due <= number]
        self._late = [(due, fix) for due, fix in self._late if due > number]
        fixes, self._unsent = self._unsent + late, []
        return fixes

    async def _send(self, fixes: Sequence[int], now: datetime) -> None:
        self._world.fixes_sent += len(fixes)
        # The phone's own clock is wrong by a constant; the server is to put that right by sent_at.
        skew = timedelta(seconds=self.phone.skew_s)
        body = wire.FixesSent(sent_at=now + skew, fixes=[self._fix(number, skew) for number in fixes])
        answer = await self._post(body)
        told = self._hear(answer, fixes)
        if self._rng.random() < self.phone.repeats:
            again = await self._post(body)
            if told is not None and again.is_good:
                is_same = _gist(told) == _gist(again.read(wire.FixesAnswer))
                self._world.repeats_answered_differently += not is_same

    async def _post(self, body: wire.FixesSent) -> Answer:
        enrolled = self.enrolled
        expected = NO_CONSENT | UNKNOWN_NOW if self.phone.person.leaves else NO_CONSENT
        answer = await self._world.api.call(
            "POST", "/v1/fixes", key=enrolled.token, body=body, expected=expected
        )
        if answer.is_good:
            self._world.journal.served.append(Served(self.customer_id, "report fixes", answer.span))
        return answer

    def _fix(self, number: int, skew: timedelta) -> wire.FixSent:
        track = self.track
        longitude, latitude = track.degrees[number].tolist()
        return wire.FixSent(
            fix_id=self._fix_id(number),
            lat=latitude,
            lon=longitude,
            accuracy_m=float(track.accuracy_m[number]),
            recorded_at=self._world.start + timedelta(seconds=float(track.seconds[number])) + skew,
            speed_mps=float(track.speed_mps[number]) if self.phone.tells_speed else None,
        )

    def _fix_id(self, number: int) -> str:
        return f"{self.phone.number}-{number}"

    def _hear(self, answer: Answer, fixes: Sequence[int]) -> wire.FixesAnswer | None:
        world = self._world
        told = answer.read(wire.FixesAnswer) if answer.is_good else None
        statuses = self._statuses(told, fixes) if told else [answer.code or "failed"] * len(fixes)
        world.fix_statuses.update(statuses)
        self.sent += [
            SentFix(number, answer.span, status) for number, status in zip(fixes, statuses, strict=True)
        ]
        if told is None:
            return None
        if accepted := statuses.count("accepted"):
            world.journal.accepted.append(AcceptedFixes(self.customer_id, accepted, answer.span))
        for crossing in told.crossings:
            self._note(crossing, answer.span)
        for prompt in told.parking_prompts:
            hear_prompt(self._world, self.customer_id, prompt, answer.span)
        for delivery in told.deliveries:
            self.pocket.receive(delivery, answer, decided_now=True)
        return told

    def _statuses(self, told: wire.FixesAnswer, fixes: Sequence[int]) -> list[str]:
        """What became of each fix, in the order of `fixes`, by the ids in the answer."""
        outcomes = {outcome.fix_id: outcome for outcome in told.fixes}
        ids = [self._fix_id(number) for number in fixes]
        if sorted(ids) != sorted(outcome.fix_id for outcome in told.fixes):
            self._world.contradictions[OTHER_FIXES] += 1
        return [_status(outcomes.get(fix_id)) for fix_id in ids]

    def _note(self, crossing: wire.Crossing, span: Span) -> None:
        world = self._world
        if crossing.crossing_id in world.crossing_kinds:
            return
        world.crossing_kinds[crossing.crossing_id] = crossing.kind
        world.journal.crossings[crossing.crossing_id] = Crossed(
            customer=self.customer_id,
            phone=self.phone.number,
            fence_id=crossing.fence_id,
            kind=crossing.kind,
            at=crossing.at,
            told=world.journal.clock[-1][0],
            span=span,
        )
        if crossing.fence_id in world.fences_not_judged:
            return
        for kind in KINDS:
            if crossing.kind == kind:
                fence = world.fence_number(crossing.fence_id)
                world.claims.append(Claim(self.phone.number, fence, kind, world.seconds(crossing.at)))


def _status(outcome: wire.FixOutcome | None) -> str:
    if outcome is None:
        return "unanswered"
    return f"{outcome.status}:{outcome.reason}" if outcome.reason else outcome.status


def _gist(told: wire.FixesAnswer) -> object:
    """What a repeated request must be told again."""
    return (
        [(outcome.fix_id, outcome.status) for outcome in told.fixes],
        sorted(crossing.crossing_id for crossing in told.crossings),
        sorted(delivery.delivery_id for delivery in told.deliveries),
        sorted(prompt.prompt_id for prompt in told.parking_prompts),
    )
