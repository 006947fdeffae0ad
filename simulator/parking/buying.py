"""What a driver's phone asks of the server: quotes, stays, extensions, stops; each noted in the journal.

Owns the requests and what may rightly be refused. When to make them is `simulator.parking.motorists`'.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from itertools import count
from typing import Final, NamedTuple

from simulator.client import Answer
from simulator.enrolment import UNKNOWN_NOW, Enrolled
from simulator.journal import Asked, Bought, PaymentTold, StayTold, Wanted
from simulator.parking import wire
from simulator.parking.drivers import Driver
from simulator.parking.prompts import hear_prompt
from simulator.parking.zones import Zone
from simulator.wire import Page

# Play money: one card that pays, one that does not.
PAYING: Final = "pm_sandbox_ok"
DECLINING: Final = "pm_sandbox_decline"
DECLINED: Final = "payment_declined"
# What payments are for.
PARKING: Final = "parking"
# The same start, still being carried out for the other tap.
STILL_AT_IT: Final = frozenset({"idempotency_in_flight"})
NOT_AGAIN_YET: Final = frozenset({"no_return"})
OVER: Final = frozenset({"stay_ended"})
# As long as the zone lets one stay.
NOT_LONGER: Final = frozenset({"stay_not_allowed"})
ROUTE: Final = "/v1/parking/sessions"


class Lot(NamedTuple):
    """A stay that began."""

    session_id: str
    zone: Zone


class Buyer:
    """One driver's purse."""

    def __init__(self, enrolled: Enrolled, driver: Driver) -> None:
        self._enrolled = enrolled
        self._world = enrolled.world
        self._driver = driver
        self._keys = count(1)
        self._began_in: set[int] = set()

    async def begin(
        self, zone: Zone, minutes: int, method: str, now: datetime, *, by_code: bool, twice: bool
    ) -> Lot | None:
        """Quote and start; `twice` sends the same start two times at once. None where no stay came of it."""
        quote = await self._quote(zone, minutes, by_code=by_code)
        if quote is None:
            return None
        key = self._next_key()
        body = {"quote_id": quote.quote_id, "payment_method": method, "remind_before_min": 10}
        expected = {*NOT_AGAIN_YET} if zone.zone_id in self._began_in else set()
        if method == DECLINING:
            expected.add(DECLINED)
        if twice:
            expected |= STILL_AT_IT
        taps = (self._post(ROUTE, body, key, expected) for _ in range(2 if twice else 1))
        answers = await asyncio.gather(*taps)
        self._world.declined_payments += any(answer.code == DECLINED for answer in answers)
        stays = [self._note(answer) for answer in answers if answer.is_good]
        must_cost = self._must_cost(zone, quote, now)
        self._want(key, zone, quote.price_minor, method, stays, now, must_cost=must_cost)
        if not stays:
            return None
        self._began_in.add(zone.zone_id)
        return Lot(stays[0].session_id, zone)

    def is_paid_for(self, zone: Zone, now: datetime) -> bool:
        """Whether a stay that was left early, and not stopped, still runs in this zone."""
        return any(
            stay.plate == self._driver.plate
            and stay.zone_id == zone.zone_id
            and stay.state == "active"
            and now < stay.ends_at
            for stay in self._world.journal.stays.values()
        )

    async def extend(self, lot: Lot, minutes: int, now: datetime) -> StayTold | None:
        """Park longer, and pay for it. None where that cannot be."""
        before = self._world.journal.stays[lot.session_id]
        path = f"{ROUTE}/{lot.session_id}/extend"
        body = {"duration_min": minutes, "payment_method": PAYING}
        key = self._next_key()
        answer = await self._post(path, body, key, OVER | NOT_LONGER, route=f"{ROUTE}/{{id}}/extend")
        if not answer.is_good:
            return None
        stay = self._note(answer)
        self._want(key, lot.zone, _added_minor(before, stay), PAYING, [stay], now, is_extension=True)
        return stay

    async def stop(self, lot: Lot) -> None:
        """End it now, unless it is over."""
        path = f"{ROUTE}/{lot.session_id}/stop"
        answer = await self._post(path, {}, self._next_key(), OVER, route=f"{ROUTE}/{{id}}/stop")
        if answer.is_good:
            self._note(answer)

    async def dismiss(self, asked: Asked) -> None:
        """No, thank you."""
        path = f"/v1/parking/prompts/{asked.prompt_id}/dismiss"
        await self._post(path, None, None, frozenset(), route="/v1/parking/prompts/{id}/dismiss")

    async def look_at_prompts(self) -> None:
        """What waits for an answer: also the reminders, which come with no fix."""
        answer = await self._get("/v1/parking/prompts")
        if answer.is_good:
            for prompt in answer.read(wire.Prompts).items:
                hear_prompt(self._world, self._enrolled.customer.customer_id, prompt, answer.span)

    async def read_all(self) -> None:
        """Every stay and every payment there is, as they stand in the end."""
        if self._enrolled.customer.is_erased:
            return
        answer = await self._get(f"{ROUTE}?limit=100")
        if answer.is_good:
            for session in answer.read(Page[wire.Session]).items:
                self._keep(session, answer)
        paid = await self._get("/v1/me/payments?limit=100")
        if paid.is_good:
            self._world.journal.payments += [
                PaymentTold(
                    one.payment_id,
                    self._enrolled.customer.customer_id,
                    one.captured_minor,
                    one.refunded_minor,
                )
                for one in paid.read(Page[wire.Payment]).items
                if one.subject == PARKING
            ]

    async def _quote(self, zone: Zone, minutes: int, *, by_code: bool) -> wire.Quote | None:
        where = {"code": zone.code} if by_code else {"zone_id": zone.zone_id}
        plate = {"plate": self._driver.plate, "country": self._driver.country}
        body = {**where, **plate, "duration_min": minutes}
        answer = await self._post("/v1/parking/quotes", body, None, NOT_LONGER)
        return answer.read(wire.Quote) if answer.is_good else None

    def _want(
        self,
        key: str,
        zone: Zone,
        agreed_minor: int,
        method: str,
        stays: list[StayTold],
        now: datetime,
        *,
        is_extension: bool = False,
        must_cost: bool = False,
    ) -> None:
        wanted = Wanted(
            key=key,
            customer=self._enrolled.customer.customer_id,
            plate=self._driver.plate,
            zone_id=zone.zone_id,
            agreed_minor=agreed_minor,
            can_pay=method == PAYING,
            is_extension=is_extension,
            must_cost=must_cost,
            session_ids=tuple(stay.session_id for stay in stays),
            was_accepted=bool(stays),
            at=now,
        )
        self._world.journal.wanted.append(wanted)

    def _must_cost(self, zone: Zone, quote: wire.Quote, now: datetime) -> bool:
        """By the hours on the sign: paid now, nothing is free by the quote, and the driver has no permit."""
        return zone.is_paid(now) is True and not quote.free_minutes and not self._driver.is_resident

    def _note(self, answer: Answer) -> StayTold:
        return self._keep(answer.read(wire.Session), answer)

    def _keep(self, said: wire.Session, answer: Answer) -> StayTold:
        stay = StayTold(
            session_id=said.session_id,
            customer=self._enrolled.customer.customer_id,
            plate=self._driver.plate,
            zone_id=said.zone_id,
            state=said.state,
            starts_at=said.starts_at,
            ends_at=said.ended_at or said.ends_at,
            currency=said.currency,
            purchases=tuple(_bought(one) for one in said.purchases),
            span=answer.span,
        )
        self._world.journal.stays[said.session_id] = stay
        return stay

    def _next_key(self) -> str:
        return f"{self._enrolled.phone.installation_id}-{next(self._keys)}-{self._world.start:%Y%m%d%H%M}"

    async def _post(
        self,
        path: str,
        body: object,
        key: str | None,
        expected: Collection[str],
        route: str | None = None,
    ) -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        return await self._world.api.call(
            "POST",
            path,
            key=self._enrolled.token,
            body=body,
            route=route,
            headers=headers,
            expected=frozenset(expected) | self._if_gone(),
        )

    async def _get(self, path: str) -> Answer:
        return await self._world.api.call("GET", path, key=self._enrolled.token, expected=self._if_gone())

    def _if_gone(self) -> frozenset[str]:
        return UNKNOWN_NOW if self._enrolled.phone.person.leaves else frozenset()


def _bought(one: wire.Purchase) -> Bought:
    is_paid = one.state == "paid"
    return Bought(one.purchase_id, one.payment_id, one.price_minor, one.given_back_minor, is_paid)


def _added_minor(before: StayTold, after: StayTold) -> int:
    """What an extension cost: that of purchases that were not there before."""
    known = {one.purchase_id for one in before.purchases}
    return sum(one.price_minor for one in after.purchases if one.purchase_id not in known)
