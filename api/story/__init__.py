"""One story that every example of the document tells: a café in Paris, and one of its customers.

On Wednesday, 1 July 2026, at a quarter past ten in Paris, a phone comes to the Café du Pont and is
given a coffee. The café's site, fence, offer and keys, the customer's phones and consents, and the
delivery are the same wherever they appear. Owns made-up values only; what they must look like is
said by the schemas, and a test compares the two.
"""

from collections.abc import Mapping
from typing import Final

from api.story import (
    asking,
    bulk,
    consent,
    eating,
    explaining,
    handing,
    judging,
    limiting,
    looking_after,
    measuring,
    menus,
    offers,
    operating,
    parked,
    parking,
    paying,
    people,
    places,
    reporting,
    rights,
)
from api.story.told import Told

TOLD: Final[Mapping[str, Told]] = {
    **operating.TOLD,
    **looking_after.TOLD,
    **places.TOLD,
    **judging.TOLD,
    **offers.TOLD,
    **bulk.TOLD,
    **parking.TOLD,
    **parked.TOLD,
    **menus.TOLD,
    **people.TOLD,
    **limiting.TOLD,
    **consent.TOLD,
    **eating.TOLD,
    **reporting.TOLD,
    **handing.TOLD,
    **measuring.TOLD,
    **paying.TOLD,
    **rights.TOLD,
    **explaining.TOLD,
    **asking.TOLD,
}
