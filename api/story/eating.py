"""What the customer in the story may not eat."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import NOW, Told, answering

_EATS: Final[dict[str, Any]] = {"allergens": ["peanuts", "nuts"], "diets": ["vegetarian"]}
_KEPT: Final = {**_EATS, "updated_at": NOW}

TOLD: Final[Mapping[str, Told]] = {
    "readDiet": Told(answering(_KEPT)),
    "putDiet": Told(answering(_KEPT), asked={"No nuts, no meat": _EATS}),
    "deleteDiet": Told(),
}
