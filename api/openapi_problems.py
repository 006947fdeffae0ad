"""Which problems each operation can answer, by code, and how the document tells them.

Owns the one table of them. What can come of any operation of a kind (of its credentials, its body,
its key) follows from the operation; what only one can answer is listed under its id. What a code
means is `api.problem_types`'.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.problem_types import CLASS_OF, explained
from api.problems import MEDIA_TYPE, STATUS_OF

# What only this operation can answer, beyond what its kind implies.
OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "setClock": ("clock_not_simulated", "clock_goes_forward", "starting"),
    "advanceClock": ("clock_not_simulated", "starting"),
    "tickClock": ("clock_not_simulated",),
    "addRetailer": ("already_exists",),
    "rotateKey": ("key_ended",),
    "deleteSite": ("in_use",),
    "putSite": ("sensitive_place",),
    "importSites": ("rows_refused",),
    "createFence": ("already_exists", "not_found", "sensitive_place"),
    "editFence": ("already_exists", "sensitive_place"),
    "deleteFence": ("in_use",),
    "importFences": ("rows_refused",),
    "importOffers": ("rows_refused",),
    "lintFenceDraft": ("not_found",),
    "forecastFenceReach": ("not_found",),
    "createMenu": ("already_exists", "not_found"),
    "replaceMenu": ("already_exists",),
    "patchMenu": ("already_exists",),
    "deleteMenu": ("in_use",),
    "importMenus": ("rows_refused", "already_exists"),
    "createOffer": ("already_exists", "not_found"),
    "editOffer": (
        "already_exists", "offer_is_active", "offer_has_ended", "offer_is_not_stopped",
        "offer_is_not_a_draft", "budget_is_used",
    ),
    "addOfferCodes": ("offer_has_ended", "offer_has_own_codes", "budget_is_used"),
    "claimCode": ("delivery_cancelled", "code_expired", "delivery_not_handed"),
    "activateOffer": ("wrong_move", "schedule_is_over", "stopped_by_operator"),
    "pauseOffer": ("wrong_move",),
    "endOffer": ("wrong_move",),
    "stopOffer": ("wrong_move",),
    "resumeRetailer": ("stopped_by_operator",),
    "createCap": ("not_found",),
    "createParkingZone": ("already_exists",),
    "editParkingZone": ("already_exists",),
    "deleteParkingZone": ("in_use",),
    "reopenParkingZone": ("stopped_by_operator",),
    "importParkingZones": ("rows_refused",),
    "publishParkingTariff": ("already_exists", "tariff_overlaps"),
    "withdrawParkingTariffVersion": ("tariff_in_force",),
    "importParkingTariffs": ("rows_refused",),
    "importParkingPermits": ("rows_refused",),
    "listParkingZonesAround": ("no_location_consent",),
    "findParkingZone": ("not_found",),
    "addPlate": ("too_many_plates",),
    "giveReference": ("no_personalisation_consent", "not_found"),
    "listNearby": ("no_dietary_consent", "not_found"),
    "readDiet": ("no_dietary_consent", "not_found"),
    "putDiet": ("no_dietary_consent",),
    "deleteDiet": ("not_found",),
    "inviteTestPhone": ("conflict",),
    "acceptTestPhone": ("not_found",),
    "reportFixes": ("malformed_gzip", "no_location_consent", "starting", "outcome_unknown", "internal_error"),
    "registerDevice": ("link_code_refused", "rate_limited"),
    "makeLinkCode": ("no_link_code_free",),
    "confirmLinkCode": (
        "link_code_waiting", "link_code_expired", "link_code_used_up", "link_code_refused",
    ),
    "rotateToken": ("not_found",),
    "listNotices": ("rate_limited",),
    "listControllers": ("rate_limited",),
    "verifyReceipt": ("rate_limited",),
    "readReceiptKeys": ("rate_limited",),
    "recordConsents": ("unknown_notice", "notice_outdated", "age_not_declared", "under_age"),
    "syncFences": ("no_location_consent",),
    "followLive": ("too_many_live_streams", "stopping"),
    "reportDeliveryEvent": ("delivery_cancelled", "delivery_not_handed"),
    "dismissParkingPrompt": ("not_found",),
    "redeemCode": (
        "code_malformed", "code_unknown", "already_redeemed", "delivery_cancelled", "code_expired",
        "stock_exhausted", "operation_of_another_code",
    ),
    "quoteParking": (
        "not_found", "zone_closed", "zone_ambiguous", "zone_not_paid", "parking_forbidden",
        "stay_not_allowed",
    ),
    "beginParking": (
        "not_found", "quote_used", "quote_expired", "quote_without_plate", "quote_outdated", "zone_closed",
        "already_parked", "no_return", "payment_declined", "conflict",
    ),
    "extendParking": (
        "stay_ended", "payment_pending", "payment_declined", "price_changed", "stay_not_allowed",
        "parking_forbidden", "zone_closed",
    ),
    "stopParking": ("stay_ended", "payment_pending"),
    "readParkingReceipt": ("not_paid_yet",),
    "refundPayment": ("payment_state", "payment_mismatch", "refund_too_large"),
    "hearStripe": ("malformed_json", "webhook_unsigned", "not_found"),
    "explainProblem": ("not_found",),
}  # fmt: skip
_WITHOUT_DATABASE: Final = {
    "checkLiveness",
    "checkReadiness",
    "readMetrics",
    "listProblems",
    "explainProblem",
}

# What an operation of any kind may answer when the server itself fails; stands for what is listed nowhere.
DEFAULT: Final = "default"

SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. `code` is stable, and `type` leads to what it means; `detail` is for people.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(CLASS_OF)},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}


def codes_of(operation: dict[str, Any], *, key_is_required: bool | None) -> dict[str, list[str]]:
    """The codes by status that an operation can answer. `key_is_required` None: it takes no key."""
    by_status: dict[str, list[str]] = {}
    for code in dict.fromkeys(_codes(operation, key_is_required)):
        by_status.setdefault(str(STATUS_OF[CLASS_OF[code]]), []).append(code)
    return dict(sorted(by_status.items()))


def _codes(operation: dict[str, Any], key_is_required: bool | None) -> Iterable[str]:
    parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
    schemes = {scheme for one in operation.get("security", []) for scheme in one}
    if parameters or "requestBody" in operation:
        yield "invalid_input"
    if "requestBody" in operation:
        yield from ("malformed_json", "nested_too_deeply", "body_too_large", "unsupported_media_type")
    if schemes:
        yield "rate_limited"
        yield from ("unauthenticated", "forbidden" if "retailerKey" in schemes else "device_pending")
    has_path = any(parameter["in"] == "path" for parameter in parameters.values())
    if "retailer_id" in parameters or has_path:
        yield "not_found"
    if has_path:  # what cannot be an id leads nowhere
        yield "route_not_found"
    if "If-Match" in parameters:
        yield "changed_meanwhile"
    if key_is_required is not None:
        yield from ("idempotency_in_flight", "idempotency_key_reused")
    if key_is_required:
        yield "idempotency_key_required"
    if operation["operationId"] not in _WITHOUT_DATABASE:
        yield from ("overloaded", "unavailable")
    yield from OWN.get(operation["operationId"], ())


def response_of(codes: list[str], details: Mapping[str, str], fault: Mapping[str, str]) -> dict[str, Any]:
    """The answer with one status: its codes in words, and an example of each.

    `details` are sentences of this operation's own, by code; `fault` is an example of a wrong field.
    """
    schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"code": {"enum": codes}},
    }
    examples = {code: {"value": example_of(code, details.get(code))} for code in codes}
    if "invalid_input" in examples:
        examples["invalid_input"]["value"]["errors"] = [dict(fault)]
    return {
        "description": "\n".join(f"- `{code}`: {details.get(code) or _meaning(code)}" for code in codes),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def default_response() -> dict[str, Any]:
    """Anything else, as a problem."""
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": example_of("internal_error", "Something went wrong on our side."),
    }
    return {"description": "Anything else, as a problem.", "content": {MEDIA_TYPE: content}}


def example_of(code: str, detail: str | None = None) -> dict[str, Any]:
    error = CLASS_OF[code]
    return {
        "type": f"/problems/{code}",
        "title": error.title,
        "status": STATUS_OF[error],
        "detail": detail or _meaning(code),
        "code": code,
        "request_id": "5f0c2b9e41a7d683",
    }


def fault_of(operation: dict[str, Any]) -> dict[str, str]:
    """An example of what may be wrong with a request to this operation."""
    if "requestBody" in operation:
        return {"field": "body", "reason": "expected `object`, got `array`"}
    for parameter in operation["parameters"]:
        is_number = not {"integer", "number"}.isdisjoint(_types_of(parameter["schema"]))
        reason = "expected `int`, got `str`" if is_number else "is malformed"
        return {"field": parameter["name"], "reason": reason}
    return {}


def _types_of(schema: dict[str, Any]) -> list[str]:
    said = schema.get("type", [])
    return [said] if isinstance(said, str) else said


def _meaning(code: str) -> str:
    problem = explained(code, "en")
    assert problem is not None, code
    return problem.meaning
