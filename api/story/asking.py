"""On Friday the customer drives to the café, and is asked whether to pay for parking."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import Told, answering, page

PROMPT_ID: Final = "0f1d7c52-6a0b-4d3c-8a39-2b7c5e9f4a18"
ZONE_ID: Final = 5

_PROMPT: Final[dict[str, Any]] = {
    "prompt_id": PROMPT_ID,
    "kind": "pay",
    "zone_ids": [ZONE_ID],
    "session_id": None,
    "ends_at": None,
    "asked_at": "2026-07-03T08:02:30Z",
    "expires_at": "2026-07-03T08:32:30Z",
}

TOLD: Final[Mapping[str, Told]] = {
    "listParkingPrompts": Told(answering(page(_PROMPT))),
    "dismissParkingPrompt": Told(parameters={"prompt_id": PROMPT_ID}),
}
