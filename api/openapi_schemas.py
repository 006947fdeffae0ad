"""The schemas of the document: clean names, and what msgspec knows and Litestar leaves out.

A body is read by msgspec, so its own schema is the truth about bounds, defaults and unknown members;
Litestar's knows formats of times and the order of choices. Owns how the two become one.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args, get_origin

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg

Schema = dict[str, Any]

PREFIX: Final = "#/components/schemas/"
_BOUNDS: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern",
    "minItems", "maxItems",
)  # fmt: skip
_OF_PARAMETER: Final = {
    "minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt",
    "minLength": "min_length", "maxLength": "max_length", "pattern": "pattern",
}  # fmt: skip
_ONLY_MSGSPEC_KNOWS: Final[tuple[str, ...]] = ("default", "format", "readOnly")

# What a class is called where the name it has in code says too little or too much.
_CALLED: Final = {"KeyInfo": "Key", "Live": "Liveness", "Ready": "Readiness", "Event": "DeliveryReport"}
_PAGE: Final = re.compile(r"Page_(?:\w+\.)*(\w+)_")


def clean_name(name: str) -> str:
    """`KeyPage` for `Page_api.keys.KeyInfo_`."""
    page = _PAGE.fullmatch(name)
    return f"{clean_name(page[1])}Page" if page else _CALLED.get(name, name)


def complete_schemas(document: dict[str, Any], handlers: Iterable[HTTPRouteHandler]) -> None:
    """Rename the components, and give each what its class says; everything refers to them anew."""
    handlers = list(handlers)
    exact = _exact_schemas(handlers)
    schemas = {
        clean_name(name): _any_of(schema) for name, schema in document["components"]["schemas"].items()
    }
    document["components"]["schemas"] = {
        name: _completed(name, schema, exact[name]) if name in exact else schema
        for name, schema in schemas.items()
    }
    _rename_references(document)


def complete_parameters(operation: dict[str, Any], handler: HTTPRouteHandler) -> None:
    """Give the parameters of an operation the bounds their handler declares."""
    declared = {
        field.kwarg_definition.name or name: field.kwarg_definition
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, ParameterKwarg)
    }
    for parameter in operation.get("parameters", []):
        if parameter["name"] in declared:
            kwarg = declared[parameter["name"]]
            bounds = {bound: getattr(kwarg, name) for bound, name in _OF_PARAMETER.items()}
            parameter["schema"] = _bounded(
                _any_of(parameter["schema"]),
                {bound: value for bound, value in bounds.items() if value is not None},
            )


def _exact_schemas(handlers: Iterable[HTTPRouteHandler]) -> dict[str, Schema]:
    found = dict.fromkeys(struct for handler in handlers for struct in _structs_of(handler))
    _, schemas = msgspec.json.schema_components(found, ref_template=PREFIX + "{name}")
    return {clean_name(name): schema for name, schema in schemas.items()}


def _structs_of(handler: HTTPRouteHandler) -> Iterator[Any]:
    for field in (handler.parsed_data_field, handler.parsed_return_field):
        if field is not None:
            yield from _structs_in(field.annotation)
    for response in (handler.responses or {}).values():
        yield from _structs_in(response.data_container)


def _structs_in(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        yield annotation
        return
    for inner in get_args(annotation):
        yield from _structs_in(inner)


def _completed(name: str, schema: Schema, exact: Schema) -> Schema:
    completed = {
        "title": name,
        "description": inspect.cleandoc(exact.get("description", "")),
        "type": "object",
        "required": exact.get("required", []),
        "properties": {
            member: _member(schema["properties"][member], said)
            for member, said in exact["properties"].items()
        },
    }
    if "additionalProperties" in exact:
        completed["additionalProperties"] = exact["additionalProperties"]
    return completed


def _member(schema: Schema, exact: Schema) -> Schema:
    variants = exact.get("anyOf", [exact])
    bounds = {name: one[name] for one in variants for name in _BOUNDS if name in one}
    known = {name: exact[name] for name in _ONLY_MSGSPEC_KNOWS if name in exact}
    return {**_bounded(schema, bounds), **known}


def _bounded(schema: Schema, bounds: Mapping[str, Any]) -> Schema:
    """The schema with these bounds where they belong: if there are variants, at the one that is not null."""
    variants = schema.get("anyOf")
    if not variants:
        return {**schema, **bounds}
    outside = {name: value for name, value in schema.items() if name not in {*_BOUNDS, "anyOf"}}
    inside = [one if one.get("type") == "null" else {**one, **bounds} for one in variants]
    return {**outside, "anyOf": inside} if len(inside) > 1 else {**inside[0], **outside}


def _any_of(part: Any) -> Any:
    """The same with `anyOf` for `oneOf`: 1 is an integer and a number, and allowed where either is."""
    if isinstance(part, dict):
        return {"anyOf" if name == "oneOf" else name: _any_of(inner) for name, inner in part.items()}
    return [_any_of(inner) for inner in part] if isinstance(part, list) else part


def _rename_references(part: Any) -> None:
    if isinstance(part, dict):
        reference = part.get("$ref")
        if isinstance(reference, str) and reference.startswith(PREFIX):
            part["$ref"] = PREFIX + clean_name(reference.removeprefix(PREFIX))
        for inner in part.values():
            _rename_references(inner)
    elif isinstance(part, list):
        for inner in part:
            _rename_references(inner)
