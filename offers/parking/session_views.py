"""A stay as its driver is told it: the zone in words, the plate in the clear, and what a longer one costs."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from offers.parking.plate_keys import PlateKey
from offers.parking.sessions import Session, terms_of
from offers.parking.stay_prices import scale_of
from offers.parking.stay_rules import StayRules, read_stay_rules
from offers.parking.stays import Ending, PurchaseState, State
from offers.parking.zones import Zone, read_zone
from offers.payments.payments import read_payment


class PurchaseTold(msgspec.Struct, frozen=True, kw_only=True):
    """One payment of the stay: until when it reaches, what it cost, what of it was given back."""

    purchase_id: UUID
    state: PurchaseState
    until: datetime
    price_minor: int
    given_back_minor: int
    asked_at: datetime
    payment_id: UUID | None


class Longer(msgspec.Struct, frozen=True, kw_only=True):
    """Until then the stay would cost `price_minor` more."""

    until: datetime
    price_minor: int


class PaymentUnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """A payment under way; with `client_secret` the phone lets the bank confirm it in `requires_action`."""

    payment_id: UUID
    state: str
    provider: str | None
    client_secret: str | None


class SessionTold(msgspec.Struct, frozen=True, kw_only=True):
    """A stay. `pending`: its payment is under way; `dropped`: that failed, and there is no stay.

    `paid_minor` and `given_back_minor` are of the whole stay, `fps_minor` what one without payment costs
    there. Until `covered_until` nothing more is due. `extensions`: how much longer it may be, at which price.
    `pays_actual_time`: stopped early, it costs what its time costs.
    """

    session_id: UUID
    state: State
    zone_id: int
    zone_code: str
    zone_name: str
    operator: str
    time_zone: str
    tariff_id: int
    tariff_version: int
    classes: list[str]
    country: str
    plate: str
    starts_at: datetime
    ends_at: datetime
    covered_until: datetime
    ended_at: datetime | None
    ended_because: Ending | None
    paid_minor: int
    given_back_minor: int
    currency: str
    fps_minor: int | None
    pays_actual_time: bool
    remind_before_min: int | None
    purchases: list[PurchaseTold]
    extensions: list[Longer]
    payment: PaymentUnderWay | None

    def __repr__(self) -> str:
        return f"SessionTold({self.session_id})"


class Teller:
    """Tells stays on one connection; zones that several are in are read once."""

    def __init__(self, connection: asyncpg.Connection, plate_key: PlateKey) -> None:
        self._connection = connection
        self._plate_key = plate_key
        self._zones: dict[int, tuple[Zone, StayRules]] = {}

    async def tell_all(self, sessions: Iterable[Session]) -> list[SessionTold]:
        """Without `extensions`, which are told of one stay at a time."""
        return [await self.tell(session, with_extensions=False) for session in sessions]

    async def tell(self, session: Session, *, with_extensions: bool = True) -> SessionTold:
        zone, rules = await self.zone_of(session)
        plate = self._plate_key.open(session.plate_sealed)
        stay = session.stay
        return SessionTold(
            session_id=session.session_id,
            state=stay.state,
            zone_id=zone.zone_id,
            zone_code=zone.code,
            zone_name=zone.name,
            operator=zone.operator,
            time_zone=zone.time_zone,
            tariff_id=session.tariff_id,
            tariff_version=session.tariff_version,
            classes=session.classes,
            country=plate.country,
            plate=plate.text,
            starts_at=stay.starts_at,
            ends_at=stay.ends_at,
            covered_until=stay.covered_until,
            ended_at=stay.ended_at,
            ended_because=stay.ended_because,
            paid_minor=stay.price_minor,
            given_back_minor=stay.given_back_minor,
            currency=session.currency,
            fps_minor=session.fps_minor,
            pays_actual_time=rules.pays_actual_time,
            remind_before_min=None if stay.remind_s is None else stay.remind_s // 60,
            purchases=[
                PurchaseTold(**{name: getattr(one, name) for name in PurchaseTold.__struct_fields__})
                for one in stay.purchases
            ],
            extensions=await self._extensions(session, zone) if with_extensions else [],
            payment=await self._payment(session),
        )

    async def zone_of(self, session: Session) -> tuple[Zone, StayRules]:
        """Where the stay is, and what holds there beside the tariff."""
        if session.zone_id not in self._zones:
            zone = await read_zone(self._connection, session.zone_id)
            self._zones[session.zone_id] = zone, await read_stay_rules(self._connection, session.zone_id)
        return self._zones[session.zone_id]

    async def _payment(self, session: Session) -> PaymentUnderWay | None:
        pending = session.stay.pending
        if pending is None or pending.payment_id is None:
            return None
        payment = await read_payment(self._connection, session.key, pending.payment_id)
        return PaymentUnderWay(**{name: getattr(payment, name) for name in PaymentUnderWay.__struct_fields__})

    async def _extensions(self, session: Session, zone: Zone) -> list[Longer]:
        """By the scale of the whole stay; of a tariff where each purchase begins anew, none are told."""
        stay = session.stay
        terms = await terms_of(self._connection, session, zone)
        if stay.state != "active" or terms.tariff.extension != "cumulative":
            return []
        return [
            Longer(until=step.until, price_minor=max(0, step.price_minor - stay.price_minor))
            for step in scale_of(terms, stay.starts_at)
            if step.until is not None and step.until > stay.ends_at
        ]
