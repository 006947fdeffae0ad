"""The rows of one import while they are judged, and the report on them.

All or nothing by default: one wrong row, and none is written. `partial=true` writes the good ones and
reports on the others. `dry_run=true` does the same and undoes it, so that its report is exact.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.requests import only_rehearse
from geo.errors import Fault, InvalidInput
from geo.places import NOTHING, Written

_TOLD_ERRORS: Final = 1_000
_TOLD_FAULTS: Final = 100

Edit = TypeVar("Edit")


class RowError(msgspec.Struct, kw_only=True):
    """Why one row cannot be used; `field` is a path within the body, or in CSV row and column."""

    row: int
    field: str
    reason: str


class ImportReport(msgspec.Struct, kw_only=True):
    """What an import did, or in a dry run would do. `errors` holds the first 1,000; `refused` counts rows."""

    dry_run: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    refused: int
    errors: list[RowError]
    fences: Annotated[
        Written | UnsetType, Meta(description="Only where offers came as features: their shapes.")
    ] = UNSET


class Rows(Generic[Edit]):
    """The good ones by their numbers, and the errors of the others."""

    def __init__(self, items: Sequence[tuple[int, Any]], list_name: str) -> None:
        self.total = len(items)
        self.good: dict[int, Edit] = {}
        self.errors: list[RowError] = []
        self.fences: Written | UnsetType = UNSET
        self.list_name = list_name

    def at(self, row: int) -> str:
        """What stands before the fields of a row."""
        return f"{self.list_name}[{row}]."

    def refuse(self, row: int, faults: Iterable[Fault]) -> None:
        """Take a row out; nothing happens without faults. Their fields begin with `at(row)`."""
        told = [RowError(row=row, field=self._called(row, one.field), reason=one.reason) for one in faults]
        if told:
            self.good.pop(row, None)
            self.errors += told

    def refuse_within(self, row: int, faults: Iterable[Fault]) -> None:
        """The same of faults whose fields are told from the row on."""
        self.refuse(row, [Fault(f"{self.at(row)}{fault.field}", fault.reason) for fault in faults])

    def edits(self, key: Callable[[Edit], str]) -> list[Edit]:
        """The good rows in the order of their keys, so that two imports lock rows in one order."""
        return sorted(self.good.values(), key=key)

    @property
    def refused(self) -> int:
        return self.total - len(self.good)

    def are_to_be_written(self, *, dry_run: bool, partial: bool) -> bool:
        """Whether to write the good ones now; in a dry run the request will be undone.

        Raises InvalidInput where one wrong row refuses all. A dry run only reports it.
        """
        if dry_run:
            only_rehearse()
        elif not partial:
            self._refuse_unless_all_good()
        return bool(self.good) and (partial or not self.errors)

    def settled(self, written: Written, *, dry_run: bool, partial: bool) -> Written:
        """What was written, where writing found out that some rows cannot be; raises as above."""
        if partial or not self.errors:
            return written
        if not dry_run:
            self._refuse_unless_all_good()
        if self.fences is not UNSET:
            self.fences = NOTHING
        return NOTHING

    def report(self, written: Written, *, dry_run: bool) -> ImportReport:
        return ImportReport(
            dry_run=dry_run,
            rows=self.total,
            created=written.created,
            updated=written.updated,
            unchanged=written.unchanged,
            refused=self.refused,
            errors=sorted(self.errors, key=lambda error: error.row)[:_TOLD_ERRORS],
            fences=self.fences,
        )

    def _refuse_unless_all_good(self) -> None:
        if self.errors:
            told = sorted(self.errors, key=lambda error: error.row)[:_TOLD_FAULTS]
            raise InvalidInput(
                f"{self.refused} of {self.total} rows cannot be used; nothing was written.",
                faults=tuple(Fault(error.field, error.reason) for error in told),
                code="rows_refused",
            )

    def _called(self, row: int, field: str) -> str:  # noqa: ARG002 - one of the kinds of rows asks
        return field


class PlacesInTable(Rows[Edit]):
    """Rows of CSV that are read as features: what is wrong is told by the column, not the member."""

    def __init__(self, items: Sequence[tuple[int, Any]], list_name: str) -> None:
        super().__init__(items, list_name)
        self._points = {
            row for row, item in items if isinstance(item, dict) and item["geometry"]["type"] == "Point"
        }

    def _called(self, row: int, field: str) -> str:
        at = self.at(row)
        inner = field.removeprefix(at)
        if not field.startswith(at) or not inner.startswith("geometry"):
            return field.replace(f"{at}properties.", at).removesuffix(".properties")
        if row not in self._points:
            return f"{at}wkt"
        return f"{at}lon" if inner == "geometry.coordinates[0]" else f"{at}lat"
