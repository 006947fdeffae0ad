"""The reference's decision: who of the offers of a fix wins, and with which reason each other one does not.

Written from the design (its invariants 7 to 10): one winner per person and fix, the same for all that is let
go for one person at once; draws made of the one that would win; what waits has lost against what is given.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import groupby

from tests.reference.facts import Case, Crossing, Offer, Past
from tests.reference.rules import Asked, as_given, concerns, released_at, what_stands_against

DISLIKED_FOR = timedelta(days=90)
DISTANCE_STEP_M = 10
NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass
class Outcome:
    """What one flush decides. Offers are named by id, crossings by theirs.

    given         (crossing, offer, channel) in the order of the decisions.
    held          (crossing, offer, until when).
    held_out      (crossing, offer, drawn for `everything` or `offer`).
    no_longer_held   (offer, fence) of what waited before.
    counts        of (offer, fence, `crossing` or `letting_go`, reason).
    """

    given: list[tuple] = field(default_factory=list)
    held: list[tuple] = field(default_factory=list)
    held_out: list[tuple] = field(default_factory=list)
    no_longer_held: list[tuple] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)


class Reference:
    """Decides a case, fix after fix; then what is let go, all at once."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.history = case.history
        self.holds = case.holds
        self.left = {offer_id: units.left for offer_id, units in case.units.items()}
        self.outcome = Outcome()

    def decide(self) -> Outcome:
        for fix in fixes([crossing for crossing in self.case.crossings if self.offers_at(crossing)]):
            self.decide_together(fix)
        if self.case.let_go:
            self.decide_together(list(self.case.let_go))
        return self.outcome

    def decide_together(self, crossings: Sequence[Crossing]) -> None:
        could_win: list[tuple[Crossing, Offer]] = []
        must_wait: list[tuple[Crossing, Offer]] = []
        given_before = {past.crossing_id for past in self.history}
        for crossing in crossings:
            for offer in self.offers_at(crossing):
                if crossing.crossing_id in given_before or self.was_given_since(crossing, offer):
                    # The same crossing again decides nothing anew; what waited for it waits no longer,
                    # nor does what was given at another crossing in the meantime.
                    if crossing.was_held:
                        self.end(crossing, offer, "outranked")
                    continue
                offer = as_given(self.case, offer)  # noqa: PLW2901 - the same offer, as it would be given
                reason = what_stands_against(self.asked(crossing, offer))
                if reason is None:
                    could_win.append((crossing, offer))
                elif reason == "held":
                    must_wait.append((crossing, offer))
                else:
                    self.end(crossing, offer, reason)
        is_won = self.give_one(could_win)
        for crossing, offer in must_wait:
            if is_won:
                self.end(crossing, offer, "outranked")
            else:
                self.hold(crossing, offer)

    def was_given_since(self, crossing: Crossing, offer: Offer) -> bool:
        return crossing.was_held and any(
            past.offer_id == offer.offer_id and past.decided_at >= crossing.at for past in self.history
        )

    def offers_at(self, crossing: Crossing) -> list[Offer]:
        if crossing.was_held:
            return [offer for offer in self.case.offers if offer.offer_id == crossing.offer_id]
        return [offer for offer in self.case.offers if concerns(offer, crossing)]

    def asked(self, crossing: Crossing, offer: Offer) -> Asked:
        holds = frozenset() if crossing.was_held else self.holds
        return Asked(self.case, crossing, offer, self.history, holds, self.budget(offer))

    def give_one(self, could_win: list[tuple[Crossing, Offer]]) -> bool:
        """The best is given. Held out of everything it wins all the same; of itself, the next may win."""
        is_won = False
        while could_win and not is_won:
            best = best_of(could_win, self.case, self.history)
            could_win = [other for other in could_win if other is not best]
            crossing, offer = best
            drawn_for = held_out_of(offer, self.case)
            if drawn_for is None:
                self.give(crossing, offer)
                is_won = True
            else:
                self.outcome.held_out.append((crossing.crossing_id, offer.offer_id, drawn_for))
                self.end(crossing, offer, "holdout")
                is_won = drawn_for == "everything"
        for crossing, offer in could_win:
            self.end(crossing, offer, "outranked")
        return is_won

    def give(self, crossing: Crossing, offer: Offer) -> None:
        if is_limited(offer):
            self.left[offer.offer_id] -= 1
        self.outcome.given.append((crossing.crossing_id, offer.offer_id, offer.channel))
        past = Past(
            offer.offer_id,
            offer.retailer_id,
            offer.channel,
            offer.tags,
            self.case.now,
            crossing.crossing_id,
            offer.counts_toward_caps,
        )
        self.history = (*self.history, past)
        self.end(crossing, offer, "delivered")

    def hold(self, crossing: Crossing, offer: Offer) -> None:
        if offer.offer_id in self.holds and not crossing.was_held:
            self.end(crossing, offer, "already_held")
            return
        self.holds |= {offer.offer_id}
        self.outcome.held.append((crossing.crossing_id, offer.offer_id, released_at(self.case)))
        if not crossing.was_held:
            self.count(crossing, offer, "held")

    def end(self, crossing: Crossing, offer: Offer, reason: str) -> None:
        if crossing.was_held:
            self.outcome.no_longer_held.append((offer.offer_id, crossing.place.fence_id))
        self.count(crossing, offer, reason)

    def count(self, crossing: Crossing, offer: Offer, reason: str) -> None:
        moment = "letting_go" if crossing.was_held else "crossing"
        self.outcome.counts[offer.offer_id, crossing.place.fence_id, moment, reason] += 1

    def budget(self, offer: Offer) -> str:
        if not is_limited(offer):
            return "free"
        units = self.case.units[offer.offer_id]
        is_good = units.good_until is None or self.case.now < units.good_until
        return "free" if self.left[offer.offer_id] > 0 and is_good else units.when_out


def fixes(crossings: Sequence[Crossing]) -> list[list[Crossing]]:
    """What one fix of one device crossed, in the order of time; at the same time, of whom came first."""
    first_of = {}
    for number, crossing in enumerate(crossings):
        first_of.setdefault((crossing.at, crossing.device_id), number)
    in_order = sorted(crossings, key=lambda one: (one.at, first_of[one.at, one.device_id]))
    return [list(fix) for _, fix in groupby(in_order, key=lambda one: (one.at, one.device_id))]


def is_limited(offer: Offer) -> bool:
    return any(
        limit is not None for limit in (offer.delivery_budget, offer.budget_per_day, offer.budget_per_week)
    )


# Who wins -------------------------------------------------------------------------------------------


def best_of(could_win: list[tuple[Crossing, Offer]], case: Case, history: tuple[Past, ...]):
    """Each retailer's best by its priorities, then the best of these; what is disliked after all else."""
    seed_of = could_win[0][0]
    seed = round(seed_of.at.timestamp() * 1000) ^ (seed_of.device_id.int % 2**32)

    def is_disliked(offer: Offer) -> bool:
        return "personalisation" in case.person.grants and any(
            past.was_dismissed
            and case.now - past.decided_at <= DISLIKED_FOR
            and set(past.tags) & set(offer.tags)
            for past in history
        )

    def among_retailers(one: tuple[Crossing, Offer]):
        crossing, offer = one
        is_wanted = "personalisation" in case.person.grants and bool(case.person.interests & set(offer.tags))
        served = [
            past.decided_at for past in history if past.retailer_id == offer.retailer_id and past.takes_slot
        ]
        return (
            is_disliked(offer),
            not is_wanted,
            crossing.distance_m // DISTANCE_STEP_M,
            max(served, default=NEVER),
            lot_of(f"{seed}:{case.person.customer_id}:{offer.offer_id}:{crossing.place.fence_id}"),
        )

    def within_retailer(one: tuple[Crossing, Offer]):
        _, offer = one
        return is_disliked(offer), -offer.priority, among_retailers(one)

    retailers = {offer.retailer_id for _, offer in could_win}
    champions = [
        min((one for one in could_win if one[1].retailer_id == retailer), key=within_retailer)
        for retailer in retailers
    ]
    return min(champions, key=among_retailers)


def lot_of(text: str) -> bytes:
    """The seeded tie: a hash of what is compared, the smallest first."""
    return blake2b(text.encode(), digest_size=8).digest()


# Who is held out ------------------------------------------------------------------------------------


def held_out_of(offer: Offer, case: Case) -> str | None:
    customer, salt = case.person.customer_id, case.defaults.holdout_salt
    if lot(salt, b"everything", customer.bytes) < case.defaults.holdout_percent * 100:
        return "everything"
    if lot(salt, f"offer:{offer.offer_id}".encode(), customer.bytes) < offer.holdout_percent * 100:
        return "offer"
    return None


def lot(salt: str, about: bytes, customer: bytes) -> int:
    """0 to 9,999: BLAKE2b of eight bytes over what it is about and whom, keyed by BLAKE2b of the salt."""
    keyed = blake2b(
        about + b":" + customer, digest_size=8, key=blake2b(salt.encode(), digest_size=32).digest()
    )
    return int(keyed.hexdigest(), 16) % 10_000
