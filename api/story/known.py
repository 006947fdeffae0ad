"""The customer in the story lets the café know them, and reads what it says."""

from collections.abc import Mapping
from typing import Final

from api.story.told import ENROLLED_AT, NAME, NOW, RETAILER_ID, Told, answering, page

# Made up: bucket 3c, and 256 bits that belong to nobody.
REFERENCE: Final = "cr_3c_Q2Fmw6kgZHUgUG9udCwgdW4gY2xpZW50IGZpZMOoGHU"
_RETAILER: Final = {"retailer_id": RETAILER_ID, "retailer_name": NAME}
_SAID: Final = {"loyalty_tier": "gold"}
_ATTRIBUTES: Final = {"attributes": _SAID, "updated_at": NOW}
_NAMED: Final = {"reference": REFERENCE}

TOLD: Final[Mapping[str, Told]] = {
    "giveReference": Told(
        answering({"reference": REFERENCE, **_RETAILER, "created_at": ENROLLED_AT}, "201"),
        asked={"": {"retailer_id": RETAILER_ID}},
    ),
    "listReferences": Told(answering(page({**_RETAILER, "created_at": ENROLLED_AT, **_ATTRIBUTES}))),
    "endReference": Told(),
    "setAttributes": Told(answering(_ATTRIBUTES), asked={"": {"attributes": _SAID}}, parameters=_NAMED),
    "getAttributes": Told(answering(_ATTRIBUTES), parameters=_NAMED),
    "deleteAttributes": Told(parameters=_NAMED),
}
