"""The customer in the story: two phones and preferences."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import (
    CUSTOMER_ID,
    ENROLLED_AT,
    GRANTED,
    NOW,
    PHONE_ID,
    TABLET_ID,
    TIME_ZONE,
    Told,
    answering,
)

INSTALLATION_ID: Final = "2f0c1f5e-7d0a-4c39-9e60-7a3a5a5f3a11"
LINK_CODE: Final = "VWFQ1FBY"
LINK_CODE_ID: Final = LINK_CODE[:4]

_TOKEN: Final = "dt_3c_77ZpBwrXLH915DKVsjabMrKjrGx6YKfc2GHupNihMx0"  # noqa: S105 - opens nothing
_FRESH_TOKEN: Final = "dt_3c_q2Wv8LrT0mYb5XsKc9nHd1fZeUo7gPaJi4tRx6NkBwE"  # noqa: S105 - the same
_TABLET_TOKEN: Final = "dt_3c_b7Nf3SgQe0kMv6Zy1RtHw9XcLp4uJd8oAi2xTsVmK5E"  # noqa: S105 - the same

_PHONE_DRAFT: Final = {
    "installation_id": INSTALLATION_ID,
    "platform": "android",
    "label": "Pixel",
    "time_zone": TIME_ZONE,
    "language": "fr",
    "age_band": "adult",
    "country": "FR",
}
_TABLET_DRAFT: Final = {
    "installation_id": "b7b9c1de-54a7-4f0e-8a56-0d5a2e9f1c02",
    "platform": "ios",
    "label": "iPad",
    "time_zone": TIME_ZONE,
    "language": "fr",
    "link_code": LINK_CODE,
}
PHONE: Final = {
    "device_id": PHONE_ID,
    "platform": "android",
    "status": "active",
    "label": "Pixel",
    "created_at": ENROLLED_AT,
    "revoked_at": None,
}
TABLET: Final = {
    "device_id": TABLET_ID,
    "platform": "ios",
    "status": "active",
    "label": "iPad",
    "created_at": "2026-06-21T17:03:00Z",
    "revoked_at": None,
}
_PREFERENCES: Final = {
    "time_zone": TIME_ZONE,
    "language": "fr",
    "quiet_hours": {"start": "21:00", "end": "08:00"},
    "interests": ["coffee", "books"],
    "age_band": "adult",
    "country": "FR",
}


def _registered(device_id: str, token: str, status: str) -> dict[str, str]:
    return {"device_id": device_id, "customer_id": CUSTOMER_ID, "token": token, "status": status}


_LINK: Final[dict[str, Any]] = {
    "code_id": LINK_CODE_ID,
    "state": "to_confirm",
    "expires_at": "2026-06-21T17:12:00Z",
    "device_id": TABLET_ID,
    "platform": "ios",
    "label": "iPad",
}

TOLD: Final[Mapping[str, Told]] = {
    "registerDevice": Told(
        {
            "200": {"": _registered(PHONE_ID, _FRESH_TOKEN, "active")},
            "201": {
                "A new customer": _registered(PHONE_ID, _TOKEN, "active"),
                "Joining a customer": _registered(TABLET_ID, _TABLET_TOKEN, "pending"),
            },
        },
        asked={"A new customer": _PHONE_DRAFT, "Joining a customer": _TABLET_DRAFT},
    ),
    "readMe": Told(
        answering(
            {
                "customer_id": CUSTOMER_ID,
                "device_id": PHONE_ID,
                "preferences": _PREFERENCES,
                "granted": GRANTED,
                "devices": [PHONE, TABLET],
            }
        )
    ),
    "makeLinkCode": Told(
        answering({"code": LINK_CODE, "code_id": LINK_CODE_ID, "expires_at": _LINK["expires_at"]}, "201")
    ),
    "readLinkCode": Told(answering(_LINK)),
    "confirmLinkCode": Told(answering({**_LINK, "state": "confirmed"})),
    "rotateToken": Told(answering({"token": _FRESH_TOKEN})),
    "revokeDevice": Told(
        answering({**TABLET, "status": "revoked", "revoked_at": NOW}), parameters={"device_id": TABLET_ID}
    ),
    "changePreferences": Told(answering(_PREFERENCES), asked={"": _PREFERENCES}),
}
