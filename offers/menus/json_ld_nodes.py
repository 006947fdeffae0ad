"""Finding the way about JSON-LD: members however they are prefixed, one value or many, menus in a document.

Nothing is fetched and no context is resolved: names count with or without `schema:` and `https://schema.org/`
before them. Owns no meaning of a menu's members; that is `offers.menus.json_ld_reading`'s.
Pure: no database.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from geo.errors import Fault, InvalidInput
from offers.menus.json_ld import Node

MOST_MENUS: Final = 10_000

_PREFIX: Final = re.compile(r"^(?:schema:|https?://schema\.org/|urn:alentour:menu:)")
_GS1: Final = re.compile(r"^(?:gs1:|https?://(?:ref\.|www\.)?gs1\.org/voc/)")
_NOT_IN_AN_ID: Final = re.compile(r"[^a-z0-9]+")


class Found(NamedTuple):
    """A Menu in a document: its node, its path, and what its restaurant says (None: it stands alone)."""

    node: Any
    at: str
    restaurant: Node | None


def menus_in(document: object) -> list[Found]:
    """Every menu of a document, in order. Raises InvalidInput where there is none, or what is no document."""
    if isinstance(document, dict) and "@graph" in document:
        nodes, before = document["@graph"], "@graph"
    else:
        nodes, before = document, "" if isinstance(document, dict) else "body"
    found = [menu for node, at in each_of(nodes, before) for menu in _menus_of(node, f"{at}." if at else "")]
    if not 1 <= len(found) <= MOST_MENUS:
        reason = f"must have 1 to {MOST_MENUS} menus: nodes of type Menu, or hasMenu of a Restaurant"
        raise InvalidInput("The body cannot be imported.", faults=(Fault(before or "body", reason),))
    return found


def identifier_of(node: Node) -> str | None:
    """The id that a node gives itself, if any."""
    said = get(node, "identifier")
    return said if isinstance(said, str) else None


def slug_of(words: str, taken: set[str]) -> str:
    """An id made of words, not among those `taken`, which it joins."""
    plain = unicodedata.normalize("NFKD", words.lower()).encode("ascii", "ignore").decode()
    slug = _NOT_IN_AN_ID.sub("-", plain).strip("-")[:56].strip("-") or "x"
    free, number = slug, 2
    while free in taken:
        free, number = f"{slug}-{number}", number + 1
    taken.add(free)
    return free


def is_json_ld(value: object) -> bool:
    """Whether a JSON body says of itself that it is linked data."""
    one = value[0] if isinstance(value, list) and value else value
    return isinstance(one, dict) and any(name.startswith("@") for name in one)


def _menus_of(node: Any, at: str) -> Iterator[Found]:
    if not isinstance(node, dict):
        return
    if "Menu" in types_of(node):
        yield Found(node, at, None)
    for name in ("hasMenu", "menu"):
        for menu, here in each_of(get(node, name), f"{at}{name}"):
            yield Found(menu, f"{here}.", node)


def each_of(value: Any, at: str) -> Iterator[tuple[Any, str]]:
    """JSON-LD writes one value with or without a list around it."""
    if isinstance(value, list):
        yield from ((one, f"{at}[{n}]") for n, one in enumerate(value))
    elif value is not None:
        yield value, at


def get(node: Node, member: str, own: str = "") -> Any:
    """A member by its name, however it is prefixed; `own` is before the short form of our own terms."""
    if (value := node.get(f"{own}{member}")) is not None:
        return value
    return next((value for name, value in node.items() if _PREFIX.sub("", name) == member), None)


def types_of(node: Node) -> list[str]:
    return [_PREFIX.sub("", str(one)) for one, _ in each_of(node.get("@type"), "")]


def url_in(value: Any) -> str:
    """A link, or the link of a node such as an ImageObject."""
    if isinstance(value, dict):
        value = value.get("@id") or value.get("url") or value.get("contentUrl")
    return value if isinstance(value, str) else ""


def gs1_of(node: Any, member: str) -> str:
    """The last part of a GS1 code: MILK of gs1:AllergenTypeCode-MILK."""
    if not isinstance(node, dict):
        return ""
    return _GS1.sub("", url_in(gs1_member(node, member))).partition("-")[2]


def term_in(value: Any) -> str:
    """A term of schema.org, however it is written."""
    return _PREFIX.sub("", url_in(value))


def gs1_member(node: Node, member: str) -> Any:
    return next((value for name, value in node.items() if _GS1.sub("", name) == member), None)
