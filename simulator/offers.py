"""A person's offers: receiving them, looking into the inbox, and doing what people do with them."""

from heapq import heappop, heappush
from itertools import count
from typing import Final, NamedTuple

import numpy as np

from simulator import wire
from simulator.client import Answer
from simulator.enrolment import UNKNOWN_NOW, Enrolled
from simulator.journal import Redemption, Served
from simulator.manners import Act, reactions
from simulator.testimony import establish
from simulator.world import World

AT_THE_TILL: Final = frozenset({"redeem", "redeem_again", "ask_twice"})
# What a phone may rightly hear of an offer that a withdrawal took back before it was shown.
RIGHTLY_TAKEN_BACK: Final = frozenset({"delivery_cancelled"})
# What a till may rightly say to any code that was good once.
RIGHTLY_REFUSED: Final = frozenset({"code_expired", "delivery_cancelled"})
# And to the code of somebody who had everything erased.
CODE_OF_NOBODY: Final = frozenset({"code_unknown"})


class Due(NamedTuple):
    """Something to do with a delivery at a time; `number` settles ties."""

    at_s: float
    number: int
    act: Act
    delivery: wire.Delivery
    idempotency_key: str


class Pocket:
    """The offers that arrived on one phone first, and what is still to be done with them."""

    def __init__(self, enrolled: Enrolled, rng: np.random.Generator) -> None:
        self._enrolled = enrolled
        self._world = enrolled.world
        self._rng = rng
        self._agenda: list[Due] = []
        self._numbers = count()

    async def look_at_inbox(self) -> None:
        """Fetches everything that lies there."""
        path: str | None = "/v1/inbox?limit=100"
        customer = self._enrolled.customer
        while path is not None:
            expected = UNKNOWN_NOW if self._enrolled.phone.person.leaves else frozenset()
            answer = await self._world.api.call("GET", path, key=self._enrolled.token, expected=expected)
            if not answer.is_good:
                return
            self._world.journal.served.append(Served(customer.customer_id, "read the inbox", answer.span))
            page = answer.read(wire.Page[wire.Delivery])
            for delivery in page.items:
                self.receive(delivery, answer, decided_now=False)
            path = f"/v1/inbox?limit=100&cursor={page.next_cursor}" if page.next_cursor else None

    def receive(self, delivery: wire.Delivery, answer: Answer, *, decided_now: bool) -> None:
        """Notes an offer at its first sight, and makes up one's mind about it."""
        world = self._world
        customer_id = self._enrolled.customer.customer_id
        found = establish(delivery, customer_id, world.offers, world.journal, decided_now=decided_now)
        if not world.journal.see(found.delivery, answer.span, decided_now=decided_now):
            return
        world.contradictions.update(found.contradictions)
        arrived_s = world.seconds(found.delivery.decided_at)
        if arrived_s < 0:
            return
        for after_s, act in reactions(self._rng, found.delivery.channel):
            # One visit to the till is one key, however often the till asks.
            own_key = f"{delivery.delivery_id}{'-again' if act == 'redeem_again' else ''}"
            heappush(self._agenda, Due(arrived_s + after_s, next(self._numbers), act, delivery, own_key))

    async def act(self, now_s: float) -> None:
        """Does everything that is due by now."""
        while self._agenda and self._agenda[0].at_s <= now_s:
            due = heappop(self._agenda)
            if due.act in AT_THE_TILL:
                await self._redeem(due)
            else:
                await self._tell(due)

    async def _tell(self, due: Due) -> None:
        path = f"/v1/deliveries/{due.delivery.delivery_id}/events"
        route = "/v1/deliveries/{id}/events"
        body = {"event": due.act}
        leaves = self._enrolled.phone.person.leaves
        expected = RIGHTLY_TAKEN_BACK | UNKNOWN_NOW if leaves else RIGHTLY_TAKEN_BACK
        answer = await self._world.api.call(
            "POST", path, key=self._enrolled.token, body=body, route=route, expected=expected
        )
        if answer.is_good:
            served = Served(self._enrolled.customer.customer_id, "report on an offer", answer.span)
            self._world.journal.served.append(served)

    def _if_gone(self) -> frozenset[str]:
        return CODE_OF_NOBODY if self._enrolled.phone.person.leaves else frozenset()

    async def _redeem(self, due: Due) -> None:
        world = self._world
        till = world.tills.get(due.delivery.retailer_id)
        if till is None:
            return
        answer = await world.api.call(
            "POST",
            "/v1/redemptions",
            key=till,
            body={"code": due.delivery.code, "site_id": due.delivery.site_id},
            headers={"Idempotency-Key": due.idempotency_key},
            expected=rightly_refused(due.delivery, world) | self._if_gone(),
        )
        if not answer.is_good:
            world.refused_redemptions[answer.code] += 1
            return
        redeemed = answer.read(wire.Redeemed)
        redemption = Redemption(redeemed.redemption_id, redeemed.offer_id, due.delivery.code)
        world.journal.redemptions[redeemed.redemption_id] = redemption


def rightly_refused(delivery: wire.Delivery, world: World) -> frozenset[str]:
    """What a till may rightly say to the code of a delivery, by what happened before."""
    excuses = set(RIGHTLY_REFUSED)
    if any(redemption.code == delivery.code for redemption in world.journal.redemptions.values()):
        excuses.add("already_redeemed")
    offer = world.offers.get(delivery.offer_id)
    if offer is not None and offer.has_stock:
        excuses.add("stock_exhausted")
    return frozenset(excuses)
