"""Keys, the retailer, the clock and the server's health in the story."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from api.pages import write_cursor
from api.problem_types import explained
from api.story.told import NAME, NOW, OPENED_AT, RETAILER_ID, Told, answering, page

_RETAILER_DRAFT: Final = {"name": NAME, "external_id": "cafe-du-pont"}
_RETAILER: Final[dict[str, Any]] = {
    "retailer_id": RETAILER_ID,
    **_RETAILER_DRAFT,
    "stopped_at": None,
    "stopped_by": None,
    "created_at": OPENED_AT,
}
_STOPPED: Final = {**_RETAILER, "stopped_at": NOW, "stopped_by": "operator"}

_OFFICE: Final = "jaittx3sfnvu"
_OFFICE_AGAIN: Final = "whrzsa3lh3js"
_TILL: Final = "gmt3bjgh3mi7"
_SECRET: Final = "Zq3V0mS4tYw8nB1cXe6uKp9rLhD2gJf5aTiOoNvMbCs"  # noqa: S105 - opens nothing


def _new_key(key_id: str, role: str, label: str, created_at: str) -> dict[str, Any]:
    key = f"ak_{key_id}_{_SECRET}"
    made = {"role": role, "label": label, "created_at": created_at}
    return {"key_id": key_id, "key": key, "retailer_id": RETAILER_ID, **made}


def _key(new: dict[str, Any], expires_at: str | None = None) -> dict[str, Any]:
    told = {name: value for name, value in new.items() if name != "key"}
    return {**told, "expires_at": expires_at, "revoked_at": None}


_MANAGE: Final = _new_key(_OFFICE, "manage", "Back office", OPENED_AT)
_AT_THE_TILL: Final = _new_key(_TILL, "till", "Till", OPENED_AT)
_OPERATOR: Final = {**_new_key("x2kq7mzt5wpa", "admin", "First key", OPENED_AT), "retailer_id": None}
_ROTATED: Final = _new_key(_OFFICE_AGAIN, "manage", "Back office", NOW)

_CLOCK: Final = {"mode": "simulated", "now": NOW, "is_ticking": False}
_REVISION: Final = {"found": "0004", "expected": "0004"}
_READY: Final = {
    "status": "ready",
    "version": version("alentour"),
    "reason": None,
    "clock": _CLOCK,
    "database_schema": _REVISION,
    "configuration": {"loaded": 214, "newest": 214},
    "payments": {"provider": "sandbox", "is_test_money": True},
}
_NOT_READY: Final = {
    **_READY,
    "status": "not_ready",
    "reason": "the configuration is not loaded yet",
    "configuration": {"loaded": None, "newest": 214},
}
_METRICS: Final = (
    "# HELP alentour_http_requests_total Requests\n"
    "# TYPE alentour_http_requests_total counter\n"
    'alentour_http_requests_total{method="POST",route="/v1/fixes",status="200"} 1843.0\n'
)

_IN_USE: Final = explained("in_use", "en")

TOLD: Final[Mapping[str, Told]] = {
    "checkLiveness": Told(answering({"status": "live"})),
    "checkReadiness": Told({**answering(_READY), "503": {"": _NOT_READY}}),
    "readMetrics": Told(answering(_METRICS)),
    "listProblems": Told(answering({"items": [_IN_USE]})),
    "explainProblem": Told(answering(_IN_USE), parameters={"code": "in_use", "Accept-Language": "en"}),
    "readClock": Told(answering(_CLOCK)),
    "setClock": Told(
        answering({**_CLOCK, "now": "2026-07-01T08:00:00Z"}), asked={"": {"at": "2026-07-01T08:00:00Z"}}
    ),
    "advanceClock": Told(answering(_CLOCK), asked={"": {"seconds": 900}}),
    "tickClock": Told(answering({**_CLOCK, "is_ticking": True}), asked={"": {"ticking": True}}),
    "addRetailer": Told(answering(_RETAILER, "201"), asked={"": _RETAILER_DRAFT}),
    "listRetailers": Told(answering(page(_RETAILER))),
    "readRetailer": Told(answering(_RETAILER)),
    "stopRetailer": Told(answering({"retailer": _STOPPED, "cancelled_deliveries": 3})),
    "resumeRetailer": Told(answering(_RETAILER)),
    "addKey": Told(answering(_MANAGE, "201"), asked={"": {"role": "manage", "label": "Back office"}}),
    # The cursor of this list holds a text: the key_id that the page before ended with.
    "listKeys": Told(
        answering(page(_key(_AT_THE_TILL), _key(_MANAGE))), parameters={"cursor": write_cursor(_TILL[:1])}
    ),
    "listAdminKeys": Told(answering(page(_key(_OPERATOR))), parameters={"cursor": write_cursor(_TILL[:1])}),
    "rotateKey": Told(
        answering(_ROTATED, "201"), asked={"": {"overlap_s": 600}}, parameters={"key_id": _OFFICE}
    ),
    "revokeKey": Told(parameters={"key_id": _TILL}),
}
