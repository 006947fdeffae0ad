"""When the versions of a tariff are in force: no two at once, and the past stays as it was.

Pure. A version holds from `valid_from` (None: ever) until `valid_until` (half-open). One without end holds
until the next begins, and is ended there; but where that is past, the next would rewrite what drivers were
charged, and is refused.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from geo.errors import Fault
from geo.places import moment_faults
from geo.wall_clock import rfc3339

_EVER: Final = datetime.min.replace(tzinfo=UTC)


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """From when (None: ever) until when (None: without end), and the version's number."""

    version: int
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @property
    def begins(self) -> datetime:
        return self.valid_from or _EVER

    def holds_at(self, at: datetime) -> bool:
        return self.begins <= at and (self.valid_until is None or at < self.valid_until)


class Placed(msgspec.Struct, frozen=True):
    """Where a new version holds, and which one (if any) ends where it begins."""

    stretch: Stretch
    ends: int | None = None


def stretch_faults(stretch: Stretch, at: str = "") -> list[Fault]:
    """What is wrong with it by itself."""
    faults = [
        *moment_faults(stretch.valid_from, f"{at}valid_from"),
        *moment_faults(stretch.valid_until, f"{at}valid_until"),
    ]
    if stretch.valid_until is not None and stretch.valid_until <= stretch.begins:
        faults.append(Fault(f"{at}valid_until", "must be after valid_from"))
    return faults


def place(new: Stretch, versions: Iterable[Stretch], now: datetime) -> Placed | Fault:
    """Where a new version fits among those that were not withdrawn; a fault where it overlaps one.

    Without an end of its own it holds until the next one that is there already begins.
    """
    there = sorted(versions, key=lambda one: one.begins)
    after = next((one for one in there if one.begins > new.begins), None)
    if new.valid_until is None and after is not None:
        new = msgspec.structs.replace(new, valid_until=after.valid_from)
    overlapped = [one for one in there if _overlap(one, new)]
    if not overlapped:
        return Placed(new)
    first = overlapped[0]
    if len(overlapped) == 1 and first.valid_until is None and first.begins < new.begins:
        if new.begins >= now:
            return Placed(new, ends=first.version)
        return Fault("valid_from", f"is past, and {_called(first)} has been in force since")
    return Fault("valid_from", f"overlaps {_called(first)}")


def _overlap(one: Stretch, other: Stretch) -> bool:
    begins_before = other.valid_until is None or one.begins < other.valid_until
    ends_after = one.valid_until is None or one.valid_until > other.begins
    return begins_before and ends_after


def _called(stretch: Stretch) -> str:
    since = "" if stretch.valid_from is None else f" from {rfc3339(stretch.valid_from)}"
    until = "" if stretch.valid_until is None else f" until {rfc3339(stretch.valid_until)}"
    return f"version {stretch.version}{since}{until}"
