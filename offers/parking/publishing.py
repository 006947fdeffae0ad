"""Publishing tariffs: new versions beside those there are, one operator's at a time, in one order.

Whoever publishes holds the operator's row first, so that two imports wait for each other and each judges
what the other left. Owns the writing of versions; which fit beside each other is
`offers.parking.validity`', what terms may say
`offers.parking.tariffs`', and the reading `offers.parking.tariff_rows`'.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Conflict, Fault
from geo.places import Written, external_id_faults, per_statement
from geo.tables import Retailer
from offers.parking.tables import TariffVersionRow
from offers.parking.tariff_rows import ids_of_tariffs, versions_of
from offers.parking.tariffs import Tariff, write_tariff
from offers.parking.validity import Stretch, place, stretch_faults

_CREATE: Final = text("""
INSERT INTO parking_tariffs (retailer_id, external_id, created_at)
SELECT :retailer_id, e.external_id, :now
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(external_id text)
ON CONFLICT (retailer_id, external_id) DO NOTHING
""")
_END: Final = text("""
UPDATE parking_tariff_versions AS v SET valid_until = e.valid_until
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    tariff_id bigint, version integer, valid_until timestamptz)
WHERE v.tariff_id = e.tariff_id AND v.version = e.version AND v.valid_until IS NULL
""")
_PUBLISH: Final = text("""
INSERT INTO parking_tariff_versions (tariff_id, version, valid_from, valid_until, terms, published_at)
SELECT t.tariff_id, e.version, e.valid_from, e.valid_until, e.terms, :now
FROM json_to_recordset(CAST(CAST(:rows AS text) AS json)) AS e(
    external_id text, version integer, valid_from timestamptz, valid_until timestamptz, terms jsonb)
JOIN parking_tariffs AS t ON t.retailer_id = :retailer_id AND t.external_id = e.external_id
""")


class Plan(msgspec.Struct):
    """What is to be done, by row: new versions, and which of those there are end where they begin."""

    new: dict[int, Tariff] = {}
    ends: dict[int, tuple[int, int, datetime]] = {}  # tariff_id, version, valid_until
    rows: int = 0
    faults: dict[int, list[Fault]] = {}


class _Line(msgspec.Struct):
    """The versions of one tariff, those to come included."""

    tariff_id: int | None
    versions: dict[int, TariffVersionRow]
    stretches: list[Stretch]


async def plan_tariffs(
    session: AsyncSession, retailer_id: int, tariffs: Mapping[int, Tariff], now: datetime
) -> Plan:
    """Judge them under the operator's lock, the last first: one without end ends where the next begins.

    A version that is there already, with the same terms and times, is no news.
    """
    await session.execute(
        select(Retailer.retailer_id)
        .where(Retailer.retailer_id == retailer_id)
        .with_for_update(key_share=True)
    )
    lines = await _lines(session, retailer_id, {one.id for one in tariffs.values()})
    plan = Plan(rows=len(tariffs))
    for number in sorted(tariffs, key=lambda row: _stretch(tariffs[row]).begins, reverse=True):
        faults = _placed(plan, number, tariffs[number], lines[tariffs[number].id], now)
        if faults:
            plan.faults[number] = faults
    return plan


async def publish(
    session: AsyncSession, retailer_id: int, plan: Plan, now: datetime, numbers: Collection[int]
) -> Written:
    """Write the new versions among these rows, a few thousand a statement."""
    new = {number: plan.new[number] for number in plan.new if number in numbers}
    names = [{"external_id": name} for name in sorted({one.id for one in new.values()})]
    ends = [
        {"tariff_id": tariff_id, "version": version, "valid_until": until}
        for number, (tariff_id, version, until) in plan.ends.items()
        if number in new
    ]
    rows = [_row(one) for one in new.values()]
    for statement, listed in ((_CREATE, names), (_END, ends), (_PUBLISH, rows)):
        for few in per_statement(listed):
            said = {"retailer_id": retailer_id, "rows": msgspec.json.encode(few).decode(), "now": now}
            wanted = {name: said[name] for name in statement.compile().params}
            await session.execute(statement, wanted)
    return Written(created=len(new), updated=0, unchanged=len(numbers) - len(new))


async def withdraw(session: AsyncSession, version: TariffVersionRow, now: datetime) -> bool:
    """Take back a version before it holds; False if it was withdrawn already.

    Conflict (`tariff_in_force`) for one that has been in force: what drivers paid by stays.
    """
    if version.withdrawn_at is not None:
        return False
    if version.valid_from is None or version.valid_from <= now:
        raise Conflict("This version has been in force; publish another one instead.", code="tariff_in_force")
    version.withdrawn_at = now
    await session.flush()
    return True


async def _lines(session: AsyncSession, retailer_id: int, names: Iterable[str]) -> dict[str, _Line]:
    lines = {name: _Line(None, {}, []) for name in names}
    ids = await ids_of_tariffs(session, retailer_id, lines.keys())
    versions = await versions_of(session, list(ids.values()))
    for name, tariff_id in ids.items():
        there = versions[tariff_id]
        stretches = [
            Stretch(version=one.version, valid_from=one.valid_from, valid_until=one.valid_until)
            for one in there
            if one.withdrawn_at is None
        ]
        lines[name] = _Line(tariff_id, {one.version: one for one in there}, stretches)
    return lines


def _placed(plan: Plan, number: int, tariff: Tariff, line: _Line, now: datetime) -> list[Fault]:
    stretch = _stretch(tariff)
    faults = [*external_id_faults(tariff.id, "id"), *stretch_faults(stretch)]
    if faults:
        return faults
    there = line.versions.get(tariff.version)
    if there is not None:
        return [] if _says_the_same(there, tariff) else [_taken(there)]
    if any(one.version == tariff.version for one in line.stretches):
        return [Fault("version", "is that of another row, too")]
    found = place(stretch, line.stretches, now)
    if isinstance(found, Fault):
        return [found]
    line.stretches.append(found.stretch)
    plan.new[number] = msgspec.structs.replace(tariff, valid_until=found.stretch.valid_until)
    if found.ends is not None:
        assert line.tariff_id is not None, "what ends is there"
        assert tariff.valid_from is not None, "what ends another begins after it"
        plan.ends[number] = (line.tariff_id, found.ends, tariff.valid_from)
        line.stretches = [_ended(one, found.ends, tariff.valid_from) for one in line.stretches]
    return []


def _ended(one: Stretch, version: int, at: datetime) -> Stretch:
    return msgspec.structs.replace(one, valid_until=at) if one.version == version else one


def _says_the_same(there: TariffVersionRow, tariff: Tariff) -> bool:
    """An end that the version was given since, by the next one, may be left out."""
    same_end = tariff.valid_until is None or tariff.valid_until == there.valid_until
    same_times = there.withdrawn_at is None and tariff.valid_from == there.valid_from and same_end
    return same_times and there.terms == terms_of(tariff)


def _taken(there: TariffVersionRow) -> Fault:
    if there.withdrawn_at is not None:
        return Fault("version", f"{there.version} was withdrawn; give the new one another number")
    return Fault(
        "version", f"{there.version} says something else already; a version is not edited, publish a new one"
    )


def terms_of(tariff: Tariff) -> dict[str, Any]:
    """What is stored of it as its terms: all but its times, as it is read from JSON."""
    timeless = msgspec.structs.replace(tariff, valid_from=None, valid_until=None)
    terms: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(write_tariff(timeless)))
    return terms


def _stretch(tariff: Tariff) -> Stretch:
    return Stretch(version=tariff.version, valid_from=tariff.valid_from, valid_until=tariff.valid_until)


def _row(tariff: Tariff) -> dict[str, Any]:
    return {
        "external_id": tariff.id,
        "version": tariff.version,
        "valid_from": tariff.valid_from,
        "valid_until": tariff.valid_until,
        "terms": terms_of(tariff),
    }
