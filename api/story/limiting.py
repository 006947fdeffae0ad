"""The customer in the story asks how much may still come today."""

from collections.abc import Mapping
from typing import Final

from api.story.told import NOW, RETAILER_ID, SYSTEM_CAP_ID, Told, answering

_CAP: Final = {
    "cap_id": SYSTEM_CAP_ID,
    "scope": "system",
    "retailer_id": None,
    "offer_id": None,
    "channel": None,
    "tag": None,
    "at_most": 2,
    "counted": 1,
    "is_reached": False,
    "window_starts_at": "2026-06-30T22:00:00Z",
    "window_ends_at": "2026-07-01T22:00:00Z",
    "next_possible_at": NOW,
}

TOLD: Final[Mapping[str, Told]] = {
    "readEffectiveCaps": Told(
        answering({"as_of": NOW, "quiet_until": None, "next_possible_at": NOW, "caps": [_CAP]}),
        parameters={"retailer_id": RETAILER_ID},
    ),
}
