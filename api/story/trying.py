"""The café tries its offer on somebody who is not there."""

from collections.abc import Mapping
from typing import Final

from api.story.told import FENCE_ID, NOW, OFFER_ID, TIME_ZONE, Told, answering
from offers.handing.plain_words import say
from offers.terms import Reason, Rule

_ASKED: Final = {
    "trigger": "enter",
    "fence_id": FENCE_ID,
    "at": "2026-07-01T20:30:00Z",
    "offer_ids": [OFFER_ID],
    "person": {
        "time_zone": TIME_ZONE,
        "language": "fr",
        "interests": ["coffee"],
        "grants": {"personalisation": True},
        "stays": ["2026-06-24T08:20:00Z"],
    },
}
_RULES: Final = (
    Rule(name=Reason.NO_CONSENT, passed=True, numbers={"missing": None}),
    Rule(
        name=Reason.AUDIENCE,
        passed=True,
        numbers={"about": "visits", "counted": 1, "at_least": None, "at_most": 9},
    ),
    Rule(
        name=Reason.QUIET_HOURS, passed=False, numbers={"clock": "22:30:00", "start": "21:00", "end": "08:00"}
    ),
)
_SAID: Final = {
    "fence_id": FENCE_ID,
    "at": "2026-07-01T20:30:00Z",
    "winner": None,
    "offers": [
        {
            "offer_id": OFFER_ID,
            "status": "active",
            "is_tied": True,
            "reason": "held",
            "channel": "push",
            "hold_until": "2026-07-02T06:11:40Z",
            "rules": [
                {
                    "name": str(rule.name),
                    "passed": rule.passed,
                    "text": say(rule, "en", TIME_ZONE),
                    "numbers": rule.numbers,
                }
                for rule in _RULES
            ],
        }
    ],
}
_OF_SOMEBODY: Final = {
    "fence_id": FENCE_ID,
    "at": NOW,
    "customer_id": "0c9d6c1e-5a0f-4b7e-9f43-6d1b2f8a7e10",
    "reason": "The customer wrote that no offer ever arrives; ticket 4711.",
}

TOLD: Final[Mapping[str, Told]] = {
    "dryRun": Told(
        answering(_SAID), asked={"An invented person": _ASKED, "A real customer (admin)": _OF_SOMEBODY}
    )
}
