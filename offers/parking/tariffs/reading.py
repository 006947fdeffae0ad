"""From JSON to a tariff that can be priced, and back. The form is described in docs/guides/tariffs.md."""

import re
from typing import Any, Final

import msgspec

from geo.errors import Fault, InvalidInput
from offers.parking.tariffs.checking import faults_of
from offers.parking.tariffs.terms import Tariff

_TOLD: Final = re.compile(r"(?P<reason>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_MEMBER: Final = re.compile(r"Object (missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_CHOICES: Final = {
    "type": "step, increment",
    "activity": "parking, no_parking",
    "overnight": "continues, anew, ends",
    "extension": "cumulative, new",
    "per": "day, stay",
    "remainder": "lost, kept",
}


def read_tariff(raw: object) -> Tariff:
    """The tariff that `raw`, decoded JSON, describes.

    Raises InvalidInput with a fault for every value that is wrong, named by its path such as
    `rates[0].lines[2].price_minor`; where it has not the shape of a tariff at all, with the first.
    """
    try:
        tariff = msgspec.convert(raw, Tariff)
    except msgspec.ValidationError as error:
        raise _refused((_fault_of(str(error)),)) from None
    faults = faults_of(tariff)
    if faults:
        raise _refused(faults)
    return tariff


def write_tariff(tariff: Tariff) -> dict[str, Any]:
    """The JSON form, without the members that say what is so anyway; `read_tariff` makes the same of it."""
    written: dict[str, Any] = msgspec.to_builtins(tariff)
    return written


def _refused(faults: tuple[Fault, ...]) -> InvalidInput:
    return InvalidInput("The tariff cannot be used.", faults=faults)


def _fault_of(message: str) -> Fault:
    told = _TOLD.fullmatch(message)
    assert told is not None, "every text is a reason"
    path, reason = (told["path"] or "").lstrip("."), told["reason"]
    member = _MEMBER.fullmatch(reason)
    if member is not None:
        name = member["name"][:100]
        return Fault(f"{path}.{name}".lstrip("."), "is missing" if "missing" in reason else "is not known")
    if reason.startswith("Invalid"):
        return Fault(path, f"must be one of {_CHOICES[path.rpartition('.')[2]]}")
    return Fault(path or "tariff", reason[:1].lower() + reason[1:])
