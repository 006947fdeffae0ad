"""Finding the way about a JSON value: which words a member may be, and where a NUL character hides.

Owns paths such as `fixes[3].lat`, in the form that faults name. Judges nothing else.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec.inspect

_STEP: Final = re.compile(r"\.?(?P<member>[^.\[\]]+)|\[(?P<item>[^\]]*)\]")


def choices_at(wanted: Any, path: str) -> list[str]:
    """The words that type `wanted` allows at `path`; empty where it names none."""
    kinds = [msgspec.inspect.type_info(wanted)]
    for step in _STEP.finditer(path):
        kinds = [inner for kind in kinds for inner in _inside(kind, step["member"])]
    return [choice for kind in kinds for choice in _words_of(kind)]


def places_of_nul(value: Any, at: str = "") -> Iterator[str]:
    """The paths of texts that hold a NUL, and of objects with such a name: no column can keep them."""
    if isinstance(value, str) and "\x00" in value:
        yield at or "body"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places_of_nul(item, f"{at}[{number}]")
    elif isinstance(value, dict):
        for name, member in value.items():
            if "\x00" in name:
                yield at or "body"
            else:
                yield from places_of_nul(member, f"{at}.{name}".lstrip("."))


def _inside(kind: msgspec.inspect.Type, member: str | None) -> Iterator[msgspec.inspect.Type]:
    """What may stand at the member of that name, or at any item."""
    match kind:
        case msgspec.inspect.UnionType(types=types):
            for one in types:
                yield from _inside(one, member)
        case msgspec.inspect.Metadata(type=inner):
            yield from _inside(inner, member)
        case msgspec.inspect.StructType(fields=fields):
            yield from (field.type for field in fields if field.encode_name == member)
        case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item):
            yield item
        case msgspec.inspect.DictType(value_type=item):
            yield item


def _words_of(kind: msgspec.inspect.Type) -> Iterator[str]:
    match kind:
        case msgspec.inspect.UnionType(types=types):
            for one in types:
                yield from _words_of(one)
        case msgspec.inspect.Metadata(type=inner):
            yield from _words_of(inner)
        case msgspec.inspect.LiteralType(values=values):
            yield from map(str, values)
        case msgspec.inspect.EnumType(cls=cls):
            yield from (str(one.value) for one in cls)
