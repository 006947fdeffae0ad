"""What a zone forbids besides asking for money: when, and for whom it does not hold.

Pure. The kinds are OSM's (`parking:*:restriction`) and CDS's activities, in drivers' words. A restriction
whose hours cannot be judged counts as in force: better not to sell a space than to sell a fine.
"""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, Literal

import msgspec

from geo.errors import Fault
from offers.schedule import is_open

Kind = Literal[
    "no_stopping", "no_parking", "loading_only", "permit_only", "disabled_only", "charging_only", "max_height"
]

MOST: Final = 20
LONGEST_NOTE: Final = 200
USER_CLASS: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Restriction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`hours` (OSM syntax, the zone's time) None: always. `except_classes` are those it does not hold for.

    `max_height` is told, and forbids nobody: we cannot see the car.
    """

    kind: Kind
    hours: str | None = None
    except_classes: list[str] = []
    max_height_cm: int | None = None
    note: str | None = None


def restriction_faults(restrictions: Iterable[Restriction], field: str) -> list[Fault]:
    """What is wrong with them beyond their hours, which the edge judges."""
    listed = list(restrictions)
    if len(listed) > MOST:
        return [Fault(field, f"has {len(listed)} restrictions; at most {MOST} are allowed")]
    return [fault for n, one in enumerate(listed) for fault in _faults(one, f"{field}[{n}]")]


def forbidding(
    restrictions: Iterable[Restriction], time_zone: str, classes: AbstractSet[str], at: datetime
) -> Restriction | None:
    """The first that forbids a driver with these classes to park at `at`; None where one may."""
    return next((one for one in restrictions if _forbids(one, time_zone, classes, at)), None)


def _forbids(one: Restriction, time_zone: str, classes: AbstractSet[str], at: datetime) -> bool:
    if one.kind == "max_height" or not classes.isdisjoint(one.except_classes):
        return False
    return one.hours is None or is_open(one.hours, time_zone, at) is not False


def _faults(one: Restriction, at: str) -> list[Fault]:
    faults = [
        Fault(f"{at}.except_classes[{n}]", "must be lower-case letters, digits, hyphens or underscores")
        for n, name in enumerate(one.except_classes)
        if USER_CLASS.fullmatch(name) is None
    ]
    if (one.kind == "max_height") != (one.max_height_cm is not None):
        faults.append(Fault(f"{at}.max_height_cm", "goes with max_height, and only with it"))
    elif one.max_height_cm is not None and not 100 <= one.max_height_cm <= 1_000:
        faults.append(Fault(f"{at}.max_height_cm", "must be 100 to 1000"))
    if one.note is not None and not (1 <= len(one.note) <= LONGEST_NOTE and one.note.isprintable()):
        faults.append(Fault(f"{at}.note", f"must be 1 to {LONGEST_NOTE} printable characters"))
    return faults
