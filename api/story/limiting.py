"""The customer in the story asks how much may still come today."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from api.story.told import NOW, OFFER_ID, RETAILER_ID, SYSTEM_CAP_ID, TIME_ZONE, Told, answering
from offers.effective_caps import Bound, for_customer
from offers.handing.limit_words import say_limit, say_order, say_quiet
from offers.handing.plain_words import SpokenLanguage
from offers.terms import Cap, PastDelivery

_LANGUAGE: Final[SpokenLanguage] = "fr"
_AT: Final = datetime.fromisoformat(NOW)
_DAILY: Final = Cap(cap_id=SYSTEM_CAP_ID, scope="system", at_most=2, window="calendar", calendar_unit="day")


def _limits() -> dict[str, Any]:
    """After the delivery of the story."""
    given = PastDelivery(
        offer_id=OFFER_ID, retailer_id=RETAILER_ID, channel="push", tags=("coffee",), decided_at=_AT
    )
    later = _AT + timedelta(minutes=1)
    (bound,) = for_customer([_DAILY], [given], TIME_ZONE, later)
    return {
        "as_of": _utc(later),
        "time_zone": TIME_ZONE,
        "language": _LANGUAGE,
        "text": say_order(_LANGUAGE),
        "caps": [_limit(bound)],
        "next_possible_at": _utc(later),
        "quiet_hours": {
            "start": "21:00",
            "end": "08:00",
            "set_by": "customer",
            "is_quiet": False,
            "until": None,
            "text": say_quiet("21:00", "08:00", None, _LANGUAGE, TIME_ZONE),
        },
    }


def _limit(bound: Bound) -> dict[str, Any]:
    cap = bound.cap
    assert bound.window_end is not None
    assert bound.next_possible_at is not None
    return {
        "cap_id": cap.cap_id,
        "scope": cap.scope,
        "retailer_id": None,
        "retailer_name": None,
        "offer_id": None,
        "channel": None,
        "tag": None,
        "window": cap.window,
        "rolling_s": None,
        "calendar": cap.calendar_unit,
        "window_starts_at": _utc(bound.window_start),
        "window_ends_at": _utc(bound.window_end),
        "at_most": cap.at_most,
        "counted": bound.counted,
        "is_reached": bound.is_reached,
        "next_possible_at": _utc(bound.next_possible_at),
        "text": say_limit(bound, None, _LANGUAGE, TIME_ZONE),
    }


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


TOLD: Final[Mapping[str, Told]] = {
    "readEffectiveCaps": Told(answering(_limits()), parameters={"retailer_id": RETAILER_ID}),
}
