"""What a person's recorded answers allow: pure rules over the purposes granted now.

Owns the meaning of a grant. Recording an answer, its receipt and its effects are written elsewhere,
under the customer's lock.
"""

from collections.abc import Iterable
from typing import Final, Literal, Protocol

from geo.errors import Fault, InvalidInput
from offers.terms import (
    DIETARY,
    LOCATION_OFFERS,
    LOCATION_PARKING,
    MARKETING,
    MEASUREMENT,
    PERSONALISATION,
    Offer,
    Person,
    marketing_grant,
)

LocationPurpose = Literal["location_offers", "location_parking"]

# Answered once, for the operator; marketing is answered per retailer and channel.
OPERATOR_PURPOSES: Final = frozenset(
    {LOCATION_OFFERS, LOCATION_PARKING, PERSONALISATION, MEASUREMENT, DIETARY}
)
# Data concerning health (GDPR Art. 9 (2)(a)): the yes must be explicit, so it is never one of several.
ASKED_ALONE: Final = frozenset({DIETARY})
CHANNELS: Final = frozenset({"push", "inbox"})


class Answer(Protocol):
    """One recorded yes or no. Marketing names a retailer and a channel, nothing else does."""

    @property
    def purpose(self) -> str: ...
    @property
    def retailer_id(self) -> int | None: ...
    @property
    def channel(self) -> str | None: ...
    @property
    def granted(self) -> bool: ...


def may_use_location(grants: frozenset[str], purpose: LocationPurpose = "location_offers") -> bool:
    return purpose in grants


def may_track(grants: frozenset[str]) -> bool:
    """Whether a phone may be followed into fences and out of them: all of these are there for offers."""
    return may_use_location(grants, LOCATION_OFFERS)


def may_follow_car(grants: frozenset[str]) -> bool:
    """Whether it may be noticed where a car stops and drives off: for parking, and for nothing else."""
    return may_use_location(grants, LOCATION_PARKING)


def may_personalise(grants: frozenset[str]) -> bool:
    return PERSONALISATION in grants


def may_keep_diet(grants: frozenset[str]) -> bool:
    """Whether allergies and diets may be stored and used; on the phone they are its own affair."""
    return DIETARY in grants


def missing_for(offer: Offer, person: Person) -> str | None:
    """The first consent that this offer lacks, as a grant key; None when it lacks none."""
    return missing_among(person.grants, offer.retailer_id, offer.channel)


def missing_among(grants: frozenset[str], retailer_id: int, channel: str) -> str | None:
    """The same for anything a retailer sends over a channel because of where someone is.

    Asked again with the grants after a withdrawal, it tells which unseen deliveries are covered.
    """
    if not may_use_location(grants):
        return LOCATION_OFFERS
    marketing = marketing_grant(retailer_id, channel)
    return None if marketing in grants else marketing


def grant_key(purpose: str, retailer_id: int | None, channel: str | None, field: str = "decisions") -> str:
    """How a purpose is written among the grants; InvalidInput (under `field`) if it cannot be."""
    if purpose == MARKETING:
        if retailer_id is None:
            raise _fault(f"{field}.retailer_id", "is required: marketing is answered for one retailer")
        if channel not in CHANNELS:
            raise _fault(f"{field}.channel", "must be push or inbox: marketing is answered for one channel")
        return marketing_grant(retailer_id, channel)
    if purpose not in OPERATOR_PURPOSES:
        raise _fault(f"{field}.purpose", "is not a purpose that is asked for")
    if retailer_id is not None or channel is not None:
        raise _fault(f"{field}.purpose", "takes no retailer and no channel")
    return purpose


def grants_after(grants: frozenset[str], decisions: Iterable[Answer]) -> frozenset[str]:
    """The grants once these answers are recorded, in order; a later answer replaces an earlier one."""
    granted = set(grants)
    for position, answer in enumerate(decisions):
        key = grant_key(answer.purpose, answer.retailer_id, answer.channel, f"decisions[{position}]")
        if answer.granted:
            granted.add(key)
        else:
            granted.discard(key)
    return frozenset(granted)


def _fault(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field} {reason}", faults=(Fault(field, reason),))
