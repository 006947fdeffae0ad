"""The tags of one OpenStreetMap object, judged: which are kept, and what was wrong with the rest.

OSM tags are free text that anybody may have typed. Meaning of the keys:
https://wiki.openstreetmap.org/wiki/Map_features. Keys that may name a person (operator, phone,
email) are not kept: a place of business needs none of them here. Those that make a place a sensitive
one (`geo.sensitive`) are kept, so that it gets no fence.
"""

import re
from typing import Final, Literal

import msgspec

Kind = Literal["shop", "restaurant", "cafe", "fast_food", "bar", "car_park"]

LONGEST_NAME: Final = 200

_AMENITIES: Final[dict[str, Kind]] = {
    "restaurant": "restaurant",
    "food_court": "fast_food",
    "cafe": "cafe",
    "ice_cream": "cafe",
    "fast_food": "fast_food",
    "bar": "bar",
    "pub": "bar",
    "biergarten": "bar",
    "parking": "car_park",
}
# shop= values that say there is none.
_NO_SHOP: Final = frozenset({"no", "vacant", "disused", "closed", ""})
_KEPT: Final = frozenset(
    {
        "access", "addr:city", "addr:housenumber", "addr:postcode", "addr:street", "amenity", "brand",
        "capacity", "cuisine", "diet:vegan", "diet:vegetarian", "fee", "healthcare", "level", "lgbtq",
        "maxstay", "office", "outdoor_seating", "parking", "religion", "shop", "social_facility", "takeaway",
        "website", "wheelchair",
    }
)  # fmt: skip
_CATEGORY: Final = re.compile(r"[a-z][a-z0-9_]*")
_UNNAMED: Final[dict[Kind, str]] = {
    "shop": "Shop",
    "restaurant": "Restaurant",
    "cafe": "Café",
    "fast_food": "Snack bar",
    "bar": "Bar",
    "car_park": "Car park",
}


class TagsRead(msgspec.Struct, frozen=True, kw_only=True):
    """What the tags say. `faults` are pairs of tag and what was wrong with it."""

    kind: Kind
    category: str
    name: str
    opening_hours: str | None
    kept: dict[str, str]
    faults: list[tuple[str, str]]


def kind_of(tags: dict[str, str]) -> Kind | None:
    """None for anything that is no place of business that this project knows."""
    amenity = _AMENITIES.get(tags.get("amenity", ""))
    if amenity is not None:
        return amenity
    return None if tags.get("shop", "").strip().lower() in _NO_SHOP else "shop"


def read(tags: dict[str, str]) -> TagsRead:
    """Judge the tags of an object for which `kind_of` is not None."""
    kind = kind_of(tags)
    assert kind is not None
    faults: list[tuple[str, str]] = []
    cleaned = {key: tidy(value) for key, value in tags.items()}
    category = _category(cleaned, kind, faults)
    kept = {key: value for key, value in cleaned.items() if key in _KEPT and value}
    if not kept.get("capacity", "0").isdecimal():
        faults.append(("capacity", "not a whole number"))
        del kept["capacity"]
    return TagsRead(
        kind=kind,
        category=category,
        name=_name(tags, cleaned, kind, category, faults),
        opening_hours=cleaned.get("opening_hours") or None,
        kept=kept,
        faults=faults,
    )


def tidy(value: str) -> str:
    """Without control characters (PostgreSQL refuses NUL, screens the others) and doubled spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in value).split())


def _category(tags: dict[str, str], kind: Kind, faults: list[tuple[str, str]]) -> str:
    key = "shop" if kind == "shop" else "amenity"
    if _CATEGORY.fullmatch(tags[key]):
        return tags[key]
    faults.append((key, "not one lower-case word"))
    first = tags[key].split(";")[0].strip().lower().replace(" ", "_")
    return first if _CATEGORY.fullmatch(first) else "yes"


def _name(
    tags: dict[str, str], cleaned: dict[str, str], kind: Kind, category: str, faults: list[tuple[str, str]]
) -> str:
    name = cleaned.get("name") or cleaned.get("brand") or _unnamed(kind, category)
    if "name" in tags and not cleaned["name"]:
        faults.append(("name", "empty"))
    elif not tags.get("name", "").isprintable():
        faults.append(("name", "control characters"))
    if len(name) > LONGEST_NAME:
        faults.append(("name", f"longer than {LONGEST_NAME} characters, cut"))
    return name[:LONGEST_NAME].rstrip()


def _unnamed(kind: Kind, category: str) -> str:
    """No name is no fault: most car parks have none."""
    plain = kind != "shop" or category == "yes"
    return _UNNAMED[kind] if plain else category.replace("_", " ").capitalize()
