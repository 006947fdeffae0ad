"""An invented person for a rehearsal: said in the terms of whoever asks, made into what the rules see.

Pure. Nobody of that id exists. Its draws of holdouts and its share of the half hour after quiet hours
follow from `lot`, so that the same person is asked about again, and another number is somebody else.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Final
from uuid import UUID

import msgspec

from offers.engine.loading import Customer
from offers.terms import (
    LOCATION_OFFERS,
    MEASUREMENT,
    PERSONALISATION,
    AgeBand,
    Channel,
    Offer,
    PastDelivery,
    Person,
    marketing_grant,
)

# The business and the offer of a delivery that somebody else gave.
SOMEBODY_ELSE: Final = 0


class InventedGrants(msgspec.Struct, frozen=True, kw_only=True):
    """What this person said yes to; `marketing` for every business asked about."""

    location_offers: bool = False
    personalisation: bool = False
    measurement: bool = False
    marketing: tuple[Channel, ...] = ()

    def written(self, retailer_ids: Iterable[int]) -> frozenset[str]:
        said = {
            LOCATION_OFFERS: self.location_offers,
            PERSONALISATION: self.personalisation,
            MEASUREMENT: self.measurement,
        }
        marketing = {
            marketing_grant(retailer_id, channel)
            for retailer_id in retailer_ids
            for channel in self.marketing
        }
        return frozenset({purpose for purpose, granted in said.items() if granted} | marketing)


class InventedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """Something this person was given. `offer_id` None: by another business.

    Channel and tags are the offer's, if they are not said.
    """

    decided_at: datetime
    offer_id: int | None = None
    channel: Channel | None = None
    tags: tuple[str, ...] | None = None
    counts_toward_caps: bool = True
    takes_slot: bool = True
    was_dismissed: bool = False


class InventedPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who does not exist. Every business asked knows these `visits` (beginnings), `attributes`."""

    time_zone: str = "Europe/Paris"
    language: str = "en"
    age_band: AgeBand = "unknown"
    grants: InventedGrants = InventedGrants()
    quiet_hours: tuple[time, time] | None = None
    interests: frozenset[str] = frozenset()
    visits: tuple[datetime, ...] = ()
    attributes: Mapping[str, str] = {}
    history: tuple[InventedDelivery, ...] = ()
    lot: int = 1


def customer_of(person: InventedPerson, offers: Iterable[Offer], retailer_ids: Iterable[int]) -> Customer:
    """As the engine would have loaded them. `offers` are those that the history may name.

    A delivery of an offer that is not among them counts as another business's.
    """
    businesses = frozenset(retailer_ids)
    known = {offer.offer_id: offer for offer in offers}
    start, end = person.quiet_hours or (None, None)
    # As for real people: read only where personalisation is consented to.
    is_personal = person.grants.personalisation
    return Customer(
        Person(
            customer_id=UUID(int=person.lot),
            time_zone=person.time_zone,
            language=person.language,
            grants=person.grants.written(businesses),
            quiet_start=start,
            quiet_end=end,
            interests=person.interests,
            age_band=person.age_band,
            visits=dict.fromkeys(businesses, person.visits) if is_personal else None,
            attributes={one: dict(person.attributes) for one in businesses} if is_personal else None,
        ),
        [_past(one, known.get(one.offer_id or SOMEBODY_ELSE)) for one in person.history],
    )


def _past(one: InventedDelivery, offer: Offer | None) -> PastDelivery:
    return PastDelivery(
        offer_id=SOMEBODY_ELSE if offer is None else offer.offer_id,
        retailer_id=SOMEBODY_ELSE if offer is None else offer.retailer_id,
        channel=one.channel or (offer.channel if offer else "push"),
        tags=one.tags if one.tags is not None else (offer.tags if offer else ()),
        decided_at=one.decided_at,
        counts_toward_caps=one.counts_toward_caps,
        takes_slot=one.takes_slot,
        was_dismissed=one.was_dismissed,
    )
