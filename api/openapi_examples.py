"""Examples out of schemas: a value that fits, with the domain's own words where a name has them.

Owns the made-up values. An example written at a handler is better and always wins.
"""

from typing import Any, Final

# By member name; a value is used only where its type fits the schema.
_VALUES: Final[dict[str, Any]] = {
    "lat": 48.8534, "lon": 2.3488, "accuracy_m": 12.0, "speed_mps": 1.3, "heading_deg": 270.0,
    "radius_m": 80.0, "quiet_radius_m": 120.0, "next_fix_after_s": 15, "distance_m": 140.0,
    "bearing_deg": 85.0, "confidence": 0.94, "time_zone": "Europe/Paris", "language": "fr",
    "name": "Boulangerie du Pont", "title": "Croissant offert", "text": "Pour deux achetés, ce matin.",
    "label": "Pixel 9", "code": "7KQ2M9X4TD", "link_code": "4F7KQ2MX", "external_id": "paris-04",
    "fix_id": "01J9ZC5T", "installation_id": "5b1e7c0e9f3a4d6c8b2a", "platform": "android",
    "opening_hours": "Mo-Sa 07:00-19:30", "weekly_hours": "Mo-Fr 08:00-11:00", "kind": "shop",
    "key_id": "3dwyrb7qbmss", "key": "ak_3dwyrb7qbmss_" + "x" * 43, "token": "dt_1f_" + "x" * 43,
    "at": "2026-07-01T08:15:00Z", "recorded_at": "2026-07-01T08:14:50Z", "sent_at": "2026-07-01T08:15:00Z",
    "expires_at": "2026-07-02T08:15:00Z", "ends_at": "2026-09-30T22:00:00Z",
    "start": "21:00", "end": "08:00", "quiet_start": "21:00:00", "quiet_end": "08:00:00",
    "dwell_s": 180, "retrigger_s": 3600, "at_most": 2, "rolling_s": 86400, "limit": 50,
    "seconds": 3600, "overlap_s": 600, "method": "settings_screen", "notice_version": 1,
    "cursor": "MQ", "trigger": "enter", "channel": "push", "CrossingSeen.kind": "enter", "status": "active",
     "reason": None, "next_cursor": None, "Last-Event-ID": "41",
    "coordinates": [2.3488, 48.8534], "interests": ["bakery"], "tags": ["bakery"],
}  # fmt: skip
_FORMATS: Final = {
    "date-time": "2026-07-01T08:15:00Z",
    "date": "2026-07-01",
    "time": "21:00:00",
    "uuid": "6a1f8cd2-8f0e-4d4b-9d27-5d0b6a7c1e42",
    "uri-reference": "/problems/invalid_input",
}
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    "array": (list,), "object": (dict,), "null": (type(None),),
}  # fmt: skip
_DEEPEST: Final = 8


def example_of(schema: dict[str, Any], name: str, schemas: dict[str, Any], depth: int = 0) -> Any:
    """A value for `schema`; `name` is the member it is for, `schemas` the document's components."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for given in ("example", "const", "default"):
        if given in schema and schema[given] is not None:
            return schema[given]
    if examples := schema.get("examples"):
        return examples[0] if isinstance(examples, list) else next(iter(examples.values()))
    choices = schema.get("enum") or []
    if name in _VALUES and _fits(schema, choices, _VALUES[name]):
        return _VALUES[name]
    if choices:
        return choices[0]
    if variants := schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf"):
        real = [variant for variant in variants if variant.get("type") != "null"]
        return example_of((real or variants)[0], name, schemas, depth + 1)
    return _by_type(schema, name, schemas, depth)


def _by_type(schema: dict[str, Any], name: str, schemas: dict[str, Any], depth: int) -> Any:
    kind = _type_of(schema)
    if kind == "object":
        return {} if depth > _DEEPEST else _members(schema, schemas, depth)
    if kind == "array":
        items = schema.get("items") or {}
        return [] if depth > _DEEPEST else [example_of(items, name.removesuffix("s"), schemas, depth + 1)]
    if kind == "string":
        return _FORMATS.get(schema.get("format", "")) or _text(schema, name)
    if kind == "integer":
        return int(schema.get("minimum", 1))
    if kind == "number":
        return float(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
    return True if kind == "boolean" else None


def _members(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> dict[str, Any]:
    title = schema.get("title", "")
    members = {
        name: _VALUES.get(f"{title}.{name}") or example_of(member, name, schemas, depth + 1)
        for name, member in schema.get("properties", {}).items()
    }
    more = schema.get("additionalProperties")
    if not members and isinstance(more, dict) and more:
        members["fr"] = example_of(more, "", schemas, depth + 1)
    return members


def _text(schema: dict[str, Any], name: str) -> str:
    text = name or "text"
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 200)]


def _type_of(schema: dict[str, Any]) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    return kind if isinstance(kind, str) else ("object" if "properties" in schema else None)


def _fits(schema: dict[str, Any], choices: list[Any], value: Any) -> bool:
    if choices:
        return value in choices
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "oneOf" in schema or "anyOf" in schema:
        return any(_fits(one, one.get("enum") or [], value) for one in schema.get("oneOf") or schema["anyOf"])
    return any(isinstance(value, _KINDS.get(kind, ())) for kind in kinds if kind)
