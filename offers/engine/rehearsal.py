"""What would be decided: the engine's own decider, asked about a scene that is not.

Pure. The scene (who, where, when, which offers) is read or invented elsewhere (`offers.engine.scenes`,
`offers.engine.invented`); here every rule is asked of every offer, and the decider says what would come
of it. It works on copies, takes units from nobody and writes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

import msgspec

from offers.eligibility import Decision, concerns, examine
from offers.engine.deciding import Decided, Decider, Occasion, candidate_of, seed_of
from offers.engine.leases import BudgetState
from offers.engine.loading import Customer
from offers.holdouts import held_out_of
from offers.ranking import Candidate, Standing, ranked
from offers.terms import Cap, Defaults, Offer, Place, Reason, Rule, Trigger

# Why an offer would not even be looked at for this crossing.
NotConsidered = Literal["not_here", "other_trigger"]


class Standpoint(msgspec.Struct, frozen=True):
    """A fence that is crossed, and how far the person is from its place."""

    place: Place
    name: str
    distance_m: float


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every decision; see `offers.engine.deciding.Configuration`."""

    caps: Sequence[Cap]
    defaults: Defaults
    stopped: Collection[int]


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """One crossing, of all these fences at one time, by one person's device."""

    bucket: int
    customer: Customer
    device_id: UUID
    at: datetime
    trigger: Trigger
    standpoints: Sequence[Standpoint]
    offers: Sequence[Offer]
    setting: Setting
    budgets: Mapping[int, BudgetState]


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """One offer at one fence: what would become of it, every rule, and the draws of holdouts.

    Without a fence it would not be considered, for the reason in `not_considered`. `reason` is what the
    decider says, which may be more than a rule: held, held out, outranked.
    """

    offer: Offer
    place: Place | None = None
    not_considered: NotConsidered | None = None
    reason: Reason | None = None
    rules: tuple[Rule, ...] = ()
    draws: tuple[Rule, ...] = ()
    hold_until: datetime | None = None


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer; `ranking` are the offers that pass every rule, the best first."""

    examined: tuple[Examined, ...]
    ranking: tuple[tuple[Candidate, Standing], ...]
    winner: tuple[int, int] | None  # offer and fence


class _Told:
    """Units as the rows tell of them; nobody's are taken."""

    def __init__(self, states: Mapping[int, BudgetState]) -> None:
        self._states = states

    def state(self, offer_id: int, now: datetime) -> BudgetState:  # noqa: ARG002 - as `Units` has it
        return self._states.get(offer_id, "spent")

    def take(self, offer_id: int, now: datetime) -> UUID | None:
        return uuid4() if self.state(offer_id, now) == "free" else None


_Asked = tuple[Occasion, Offer, Decision]


def rehearse(scene: Scene) -> Rehearsal:
    """Everything the engine would ask and decide about this scene."""
    occasions = [_occasion(scene, standpoint) for standpoint in scene.standpoints]
    person = scene.customer.person
    # Copies: the decider adds what it gives to what was given.
    customers = {person.customer_id: Customer(person, scene.customer.history, holds=scene.customer.holds)}
    decider = Decider(scene.setting, _Told(scene.budgets), customers, scene.at, Decided())
    asked = [
        (occasion, offer, examine(decider.question(occasion, offer)))
        for occasion in occasions
        for offer in occasion.offers
    ]
    passing = [candidate_of(one, decision) for one, _, decision in asked if decision.is_pass]
    ranking = (
        ranked(passing, person, scene.customer.history, seed_of(occasions[0]), scene.at) if passing else []
    )
    decider.decide([occasion for occasion in occasions if occasion.offers])
    return Rehearsal(
        examined=(*_examined(scene, asked, decider.decided), *_left_out(scene)),
        ranking=tuple(ranking),
        winner=next(((one.offer.offer_id, one.told.fence_id) for one in decider.decided.deliveries), None),
    )


def _occasion(scene: Scene, standpoint: Standpoint) -> Occasion:
    place = standpoint.place
    return Occasion(
        bucket=scene.bucket,
        customer_id=scene.customer.person.customer_id,
        device_id=scene.device_id,
        at=scene.at.timestamp(),
        crossing_id=uuid4(),
        trigger=scene.trigger,
        place=place,
        offers=tuple(one for one in scene.offers if scene.trigger in one.triggers and concerns(one, place)),
        distance_m=standpoint.distance_m,
        is_answered=False,
    )


def _examined(scene: Scene, asked: Sequence[_Asked], decided: Decided) -> Sequence[Examined]:
    reasons = {(one.offer_id, one.fence_id): one.reason for one in decided.outcomes}
    holds = {(one.offer_id, one.occasion.place.fence_id): one.due_at for one in decided.holds}
    customer_id, defaults = scene.customer.person.customer_id, scene.setting.defaults
    examined = []
    for occasion, offer, decision in asked:
        at = (offer.offer_id, occasion.place.fence_id)
        examined.append(
            Examined(
                offer=decision.offer,
                place=occasion.place,
                reason=reasons.get(at, decision.reason),
                rules=decision.rules,
                draws=held_out_of(offer, customer_id, defaults)[1],
                hold_until=holds.get(at),
            )
        )
    return examined


def _left_out(scene: Scene) -> Sequence[Examined]:
    """The offers that none of these crossings concerns."""
    left_out = []
    for offer in scene.offers:
        is_here = any(concerns(offer, standpoint.place) for standpoint in scene.standpoints)
        if not is_here:
            left_out.append(Examined(offer=offer, not_considered="not_here"))
        elif scene.trigger not in offer.triggers:
            left_out.append(Examined(offer=offer, not_considered="other_trigger"))
    return left_out
