"""The form in which an operation's part of the story is told, and the names that all parts share."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

RETAILER_ID: Final = 7
SITE_ID: Final = 12
FENCE_ID: Final = 31
TERRACE_ID: Final = 32
OFFER_ID: Final = 58
MENU_ID: Final = 5
CAP_ID: Final = 9
SYSTEM_CAP_ID: Final = 1

NAME: Final = "Café du Pont"
TIME_ZONE: Final = "Europe/Paris"
OPENING_HOURS: Final = "Mo-Fr 07:30-19:00; Sa 09:00-18:00"
LAT: Final = 48.8534
LON: Final = 2.3488
RADIUS_M: Final = 80.0

# The customer's bucket is 60, which tokens and codes name: 3c, QW, VW.
CUSTOMER_ID: Final = "0c9d6c1e-5a0f-4b7e-9f43-6d1b2f8a7e10"
PHONE_ID: Final = "8f6f3d52-2c9b-4f0e-8a41-c4b1f0f3a9d7"
TABLET_ID: Final = "c2a7b0de-91c4-4b7d-b6f4-5e0d3a8f1c26"
DELIVERY_ID: Final = "6a1f8cd2-8f0e-4d4b-9d27-5d0b6a7c1e42"
CROSSING_ID: Final = "3b8e7f10-64c2-4d0a-9a55-e1d2c3b4a596"
REDEMPTION_ID: Final = "e4c1a9b7-0d3f-4e62-8b15-7f9a2c6d8e03"
CODE: Final = "QWAWK15F2F"
SEQ: Final = 3

GRANTED: Final = ["location_offers", f"marketing:{RETAILER_ID}:push"]

# Where the phone is: 37 m from the café, to the south-west, 43 m inside its fence.
PHONE_LAT: Final = 48.8532
PHONE_LON: Final = 2.3484
EDGE_DISTANCE_M: Final = 43.2

OPENED_AT: Final = "2026-06-15T09:00:00Z"
ENROLLED_AT: Final = "2026-06-20T16:30:00Z"
ARRIVED_AT: Final = "2026-07-01T08:14:58Z"
NOW: Final = "2026-07-01T08:15:00Z"
SHOWN_AT: Final = "2026-07-01T08:15:02Z"
READ_AT: Final = "2026-07-01T08:16:10Z"
REDEEMED_AT: Final = "2026-07-01T08:24:40Z"
EXPIRES_AT: Final = "2026-07-02T08:15:00Z"

Values = Mapping[str, Any]
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Told(NamedTuple):
    """Bodies by what they show: those asked with, and those answered, by status.

    `parameters` are those that differ from what the name has elsewhere.
    """

    answers: Mapping[str, Values] = _NOTHING
    asked: Values = _NOTHING
    parameters: Values = _NOTHING


def answering(value: Any, status: str = "200") -> Mapping[str, Values]:
    """The only answer of an operation that needs no words."""
    return {status: {"": value}}


def page(*items: Any) -> dict[str, Any]:
    """The last page of a list."""
    return {"items": list(items), "next_cursor": None}
