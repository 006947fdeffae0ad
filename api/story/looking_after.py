"""What the operator and the café look back on in the story: who did what."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import FENCE_ID, NOW, OPENED_AT, RETAILER_ID, Told, answering, page

_OFFICE: Final = "jaittx3sfnvu"

_RESIZED: Final[dict[str, Any]] = {
    "entry_id": 412,
    "recorded_at": NOW,
    "role": "manage",
    "key_id": _OFFICE,
    "first_key_id": _OFFICE,
    "retailer_id": RETAILER_ID,
    "operation": "editFence",
    "subject_kind": "fence",
    "subject_id": str(FENCE_ID),
    "request_id": "5f0c2b9e41a7d683",
    "changed": {"shape": {}, "radius_m": {"before": 100.0, "after": 80.0}},
    "reason": None,
}
_FIRST_KEY: Final = {
    **_RESIZED,
    "entry_id": 3,
    "recorded_at": OPENED_AT,
    "role": "command",
    "key_id": None,
    "first_key_id": None,
    "operation": "alentour key create",
    "subject_kind": "key",
    "subject_id": _OFFICE,
    "request_id": None,
    "changed": {"role": {"after": "manage"}},
}

TOLD: Final[Mapping[str, Told]] = {
    "listAuditEntries": Told(
        answering(page(_RESIZED, _FIRST_KEY)),
        parameters={"operation": "editFence", "key_id": _OFFICE, "since": OPENED_AT, "until": NOW},
    ),
}
