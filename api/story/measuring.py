"""What the café learns in the story: its reports, what its coffee does for return visits, why it rests."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import NAME, OFFER_ID, RETAILER_ID, SITE_ID, TIME_ZONE, Told, answering

_ARMS: Final = {
    "treated": {"people": 1_184, "returned": 260, "rate": 0.2195945945945946},
    "held_out": {"people": 131, "returned": 19, "rate": 0.1450381679389313},
}
_LIFT: Final = {
    "offer_id": OFFER_ID,
    "holdout_percent": 10,
    "measured_from": "2026-06-15T09:12:00Z",
    "measured_until": "2026-06-24T08:15:00Z",
    **_ARMS,
    "lift": {
        "difference": {"value": 0.0746, "low": 0.0006, "high": 0.1304},
        "ratio": {"value": 1.514, "low": 1.003, "high": 2.341},
    },
    "sizes": {
        "expected_share": 0.1,
        "held_out_share": 0.0996,
        "p_value": 1.0,
        "is_unbalanced": False,
    },
    "visits_before": {
        "treated_mean": 0.31,
        "held_out_mean": 0.29,
        "standardised_difference": 0.03,
        "p_value": 0.74,
        "is_unbalanced": False,
    },
}
_COUNTS: Final[dict[str, Any]] = {
    "enters": 212,
    "dwells": 148,
    "exits": 209,
    "considered": 212,
    "delivered": 61,
    "held": 14,
    "suppressed": {
        "customer_limit": 74,
        "frequency_cap": 33,
        "holdout": 11,
        "stale": None,
        "no_consent": None,
    },
    "suppressed_hidden": 19,
    "let_go": 14,
    "delivered_after_hold": 14,
    "let_go_suppressed": {},
    "let_go_hidden": 0,
    "waiting": 0,
    "handed": 75,
    "shown": 69,
    "opened": 27,
    "dismissed": None,
    "less_like_this": 0,
    "redeemed": 12,
    "cancelled": 0,
}
_ROW: Final[dict[str, Any]] = {
    "period": "2026-06-30",
    "retailer_id": RETAILER_ID,
    "retailer": NAME,
    "site_id": SITE_ID,
    "site": NAME,
    "fence_id": None,
    "fence": None,
    "offer_id": None,
    "offer": None,
    "time_zone": TIME_ZONE,
    "counts": _COUNTS,
}
_REPORT: Final = {
    "by": "site",
    "step": "day",
    "since": "2026-06-30",
    "until": "2026-07-01",
    "hidden_below": 10,
    "rows": [_ROW],
    "totals": [{**_ROW, "period": None}],
    "overall": _COUNTS,
}
_DIAGNOSIS: Final = {
    "offer_id": OFFER_ID,
    "language": "en",
    "runs": True,
    "next_possible_at": "2026-07-02T05:30:00Z",
    "findings": [
        {
            "code": "not_now",
            "severity": "limits",
            "text": "The offer is not on now; it is possible again from 2026-07-02 05:30 UTC.",
            "numbers": {"next_possible_at": "2026-07-02T05:30:00Z"},
        }
    ],
    "recently": [
        {
            "days": 7,
            "considered": 1_310,
            "outcomes": [
                {"outcome": "customer_limit", "n": 611, "share": 0.466},
                {"outcome": "delivered", "n": 408, "share": 0.311},
                {"outcome": "frequency_cap", "n": 291, "share": 0.222},
            ],
        },
        {
            "days": 28,
            "considered": 2_620,
            "outcomes": [
                {"outcome": "customer_limit", "n": 1_104, "share": 0.421},
                {"outcome": "delivered", "n": 1_002, "share": 0.382},
                {"outcome": "frequency_cap", "n": 514, "share": 0.196},
            ],
        },
    ],
    "people": 4_870,
    "waiting": 14,
}

TOLD: Final[Mapping[str, Told]] = {
    "measureOffer": Told(answering(_LIFT), parameters={"since": "2026-06-15T09:00:00Z"}),
    "measureEverything": Told(
        answering({**_LIFT, "offer_id": None}), parameters={"since": "2026-06-15T09:00:00Z"}
    ),
    "readReport": Told(
        answering(_REPORT),
        parameters={
            "by": "site",
            "step": "day",
            "since": "2026-06-30",
            "until": "2026-07-01",
            "format": "json",
            "Accept": "application/json",
        },
    ),
    "diagnoseOffer": Told(answering(_DIAGNOSIS), parameters={"Accept-Language": "en"}),
}
