"""What parking costs: tariffs as data, read and checked, and stays priced by them. Pure and exact.

A tariff is to APDS (ISO/TS 5206-1) a RateTable with `id` and `version`; its rates are the rate line
collections, each for whom (`user_classes`) and when (`hours`), the lowest `priority` first as in CDS;
their lines and passes are what is paid. docs/guides/tariffs.md has the whole JSON form with examples.

Money is integer minor units, time whole started minutes since the stay began. Knows no database, no
plates and no payments: what a plate has used of a free quota is handed in, the classes a driver
belongs to as well.

    read_tariff(raw) -> Tariff                        InvalidInput names every wrong field
    write_tariff(tariff) -> dict                      read_tariff(write_tariff(t)) == t
    price(tariff, start=, until=, zone=, ...) -> Priced
    scale(tariff, start=, zone=, ...) -> tuple[Step, ...]
    extension(tariff, start=, paid_until=, until=, paid_minor=, zone=, ...) -> Extension
    longest_stay_until(tariff, start=, zone=, ...) -> datetime | None
    until_for(tariff, minutes=, start=, zone=, ...) -> datetime | None
    free_until(tariff, start=, zone=, ...) -> datetime | None
    free_used(tariff, start=, until=, zone=, ...) -> tuple[FreeUse, ...]  (kept for the plate's next stay)
    may_return_at(tariff, ended_at=, ...) -> datetime
    fps_due_minor(tariff, paid_minor=) -> int | None
    version_at(versions, at), overlapping(versions)

`...` is always `classes: frozenset[str]` and `used: Sequence[FreeUse]`. A stay that the tariff does
not allow is StayNotAllowed, an InvalidInput of the field `until` or `start`.
"""

from offers.parking.tariffs.limits import StayNotAllowed, fps_due_minor, may_return_at
from offers.parking.tariffs.pricing import (
    extension,
    free_until,
    free_used,
    longest_stay_until,
    price,
    scale,
    until_for,
)
from offers.parking.tariffs.reading import read_tariff, write_tariff
from offers.parking.tariffs.terms import (
    Charge,
    Extension,
    FreeMinutes,
    FreeUse,
    IncrementLine,
    Pass,
    Priced,
    Rate,
    Step,
    StepLine,
    Tariff,
)
from offers.parking.tariffs.versions import overlapping, version_at

__all__ = [
    "Charge",
    "Extension",
    "FreeMinutes",
    "FreeUse",
    "IncrementLine",
    "Pass",
    "Priced",
    "Rate",
    "StayNotAllowed",
    "Step",
    "StepLine",
    "Tariff",
    "extension",
    "fps_due_minor",
    "free_until",
    "free_used",
    "longest_stay_until",
    "may_return_at",
    "overlapping",
    "price",
    "read_tariff",
    "scale",
    "until_for",
    "version_at",
    "write_tariff",
]
