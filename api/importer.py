"""`alentour import`: an OpenStreetMap file becomes sites and fences of one retailer.

Owns the writing and the report. Repeating an import changes nothing: sites and fences are upserted
by `external_id` (`osm:node/123`) in bulk statements, in one transaction, and the configuration
version moves only if something changed. What has left the file stays in the database, and what a
retailer decided about a fence (dwell time, active hours, dates) is not touched.
"""

import sys
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from api.audit import audit_command
from api.audit.changes import before_after
from api.city_rows import Changes, CityRows
from api.database import config_changed
from geo.errors import Fault, InvalidInput, NotFound
from geo.osm import ATTRIBUTION, City, Progress, read_city
from geo.wall_clock import is_zone
from offers.hours import parse_hours
from offers.retail.retailers import add_retailer

OSM_RETAILER: Final = "osm"
OSM_RETAILER_NAME: Final = "OpenStreetMap places"


class ImportReport(msgspec.Struct, kw_only=True):
    """What an import read and wrote. `faults` counts (tag, what was wrong with it).

    `sensitive` are the places that are sites without a fence (`geo.sensitive`).
    """

    retailer_id: int
    retailer_name: str
    kinds: dict[str, int]
    outlines: int
    streets: int
    opening_hours: int
    sites: Changes
    fences: Changes
    sensitive: int
    faults: dict[tuple[str, str], int]

    def lines(self) -> list[str]:
        kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in self.kinds.items())
        return [
            f"Read {sum(self.kinds.values())} places: {kinds}.",
            f"Outlines: {self.outlines}. Streets: {self.streets}. Opening hours: {self.opening_hours}.",
            f"Sites of {self.retailer_name} (retailer {self.retailer_id}): {self.sites}.",
            f"Fences: {self.fences}.",
            *([f"Without a fence, being sensitive places: {self.sensitive}."] if self.sensitive else []),
            *(f"Odd in the data: {what}: {why} ({n} times)" for (what, why), n in self.faults.items()),
            f"Data: {ATTRIBUTION}",
        ]


async def import_city(
    connection: asyncpg.Connection,
    path: Path,
    *,
    retailer: str | None = None,
    creates_retailer: bool = False,
    time_zone: str,
    progress: Progress | None = None,
) -> ImportReport:
    """Read the file, then write it in one transaction (reading holds no locks, but blocks the loop).

    `retailer` is an id, an external id or a name; None is "OpenStreetMap places", which is made when it
    is missing. Raises InvalidInput (file, zone) and NotFound for a retailer there is not, unless
    `creates_retailer` says that one of that name is to be made.
    """
    if not is_zone(time_zone):
        reason = "is not an IANA time zone, such as Europe/Helsinki"
        raise InvalidInput(f"{time_zone!r} {reason}", faults=(Fault("time_zone", reason),))
    if retailer is not None and not creates_retailer:
        await _find_retailer(connection, retailer)  # a slip is told before minutes of reading
    city = read_city(path, progress)
    _check_hours(city)
    async with connection.transaction():
        retailer_id, retailer_name = await _owner(connection, retailer, creates_retailer)
        rows = CityRows(connection, retailer_id, time_zone, progress)
        await rows.write(city.places)
        if rows.has_changed_anything:
            await config_changed(connection)
            await audit_command(
                connection,
                "alentour import",
                "site",
                None,
                retailer_id=retailer_id,
                changed=before_after(
                    sites_created=(None, rows.sites.new),
                    sites_updated=(None, rows.sites.changed),
                    fences_created=(None, rows.fences.new),
                    fences_updated=(None, rows.fences.changed),
                ),
            )
    return ImportReport(
        retailer_id=retailer_id,
        retailer_name=retailer_name,
        kinds=_count_kinds(city),
        outlines=sum(place.outline is not None for place in city.places),
        streets=city.streets,
        opening_hours=city.opening_hours,
        sites=rows.sites,
        fences=rows.fences,
        sensitive=rows.sensitive,
        faults=dict(sorted(city.faults.items())),
    )


async def import_and_print(
    connection: asyncpg.Connection,
    path: Path,
    *,
    retailer: str | None = None,
    creates_retailer: bool = False,
    time_zone: str,
    console: Console | None = None,
) -> ImportReport:
    """The command itself: `import_city` with a progress bar on a terminal, then the report."""
    console = console or Console(file=sys.stdout)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with ProgressBar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"reading {path.name}", total=None)

        def show(stage: str, done: int, total: int | None) -> None:
            bar.update(task, description=f"{stage} {path.name}", completed=done, total=total)

        report = await import_city(
            connection,
            path,
            retailer=retailer,
            creates_retailer=creates_retailer,
            time_zone=time_zone,
            progress=show,
        )
    for line in report.lines():
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return report


def _check_hours(city: City) -> None:
    """Hours nobody can read are no hours: kept as a tag, so that somebody can mend them."""
    for place in city.places:
        if place.opening_hours is None:
            continue
        try:
            parse_hours(place.opening_hours)
        except InvalidInput:
            city.faults["opening_hours", "not readable, kept as a tag"] += 1
            place.tags["opening_hours"] = place.opening_hours
            place.opening_hours = None


def _count_kinds(city: City) -> dict[str, int]:
    counts: dict[str, int] = {}
    for place in city.places:
        counts[place.kind] = counts.get(place.kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


async def _owner(connection: asyncpg.Connection, retailer: str | None, may_create: bool) -> tuple[int, str]:
    """(id, name) of the sites' owner, locked, so that two imports for one retailer take turns."""
    if retailer is None:
        await connection.execute(
            "INSERT INTO retailers (external_id, name, created_at) VALUES ($1, $2, alentour_now()) "
            "ON CONFLICT (external_id) DO NOTHING",
            OSM_RETAILER,
            OSM_RETAILER_NAME,
        )
        return await _find_retailer(connection, OSM_RETAILER)
    try:
        return await _find_retailer(connection, retailer)
    except NotFound:
        # A number is meant as an id, and ids are not chosen.
        if not may_create or retailer.strip().isdecimal():
            raise
    now = await connection.fetchval("SELECT alentour_now()")
    made = await add_retailer(connection, retailer.strip(), None, now)
    return made.retailer_id, made.name


async def _find_retailer(connection: asyncpg.Connection, retailer: str) -> tuple[int, str]:
    row = await connection.fetchrow(
        "SELECT retailer_id, name FROM retailers "
        "WHERE retailer_id::text = $1 OR external_id = $1 OR name = $1 "
        "ORDER BY retailer_id FOR NO KEY UPDATE",
        retailer.strip(),
    )
    if row is None:
        raise NotFound(
            f"There is no retailer {retailer.strip()!r}; --create-retailer makes one of a new name."
        )
    return row["retailer_id"], row["name"]
