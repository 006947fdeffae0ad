"""The versions of one tariff in time: which holds at a moment, and which of them collide."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from geo.errors import Fault
from offers.parking.tariffs.terms import Tariff

_ALWAYS: Final = datetime.min.replace(tzinfo=UTC)
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)


def version_at(versions: Sequence[Tariff], at: datetime) -> Tariff | None:
    """The version in force at `at`, from its `valid_from` until before its `valid_until`; None: none is."""
    return next((one for one in versions if _begins(one) <= at < _ends(one)), None)


def overlapping(versions: Sequence[Tariff]) -> tuple[Fault, ...]:
    """A fault for each version that overlaps one before it in the list, or bears its number.

    Fields are `[1].valid_from`, by its place in `versions`, which are all of one tariff.
    """
    faults = []
    for place, one in enumerate(versions):
        for other in versions[:place]:
            if one.version == other.version:
                faults.append(Fault(f"[{place}].version", f"{one.version} is there twice"))
            elif _begins(one) < _ends(other) and _begins(other) < _ends(one):
                reason = f"overlaps version {other.version}: at a moment only one may be in force"
                faults.append(Fault(f"[{place}].valid_from", reason))
    return tuple(faults)


def _begins(tariff: Tariff) -> datetime:
    return tariff.valid_from or _ALWAYS


def _ends(tariff: Tariff) -> datetime:
    return tariff.valid_until or _FOREVER
