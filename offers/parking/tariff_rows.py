"""Tariffs as their operators list them: their rows, versions and names, one operator's at a time."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import NotFound
from geo.tables import is_one_of
from offers.parking.tables import TariffRow, TariffVersionRow


async def tariff_of(session: AsyncSession, retailer_id: int, tariff_id: int) -> TariffRow:
    query = select(TariffRow).where(TariffRow.retailer_id == retailer_id, TariffRow.tariff_id == tariff_id)
    tariff = (await session.scalars(query)).one_or_none()
    if tariff is None:
        raise NotFound(f"There is no parking tariff {tariff_id}.")
    return tariff


async def list_tariffs(
    session: AsyncSession, retailer_id: int, *, after_id: int, limit: int, external_id: str | None = None
) -> Sequence[TariffRow]:
    """In the order of their ids, those after `after_id`."""
    query = select(TariffRow).where(TariffRow.retailer_id == retailer_id, TariffRow.tariff_id > after_id)
    if external_id is not None:
        query = query.where(TariffRow.external_id == external_id)
    return (await session.scalars(query.order_by(TariffRow.tariff_id).limit(limit))).all()


async def versions_of(
    session: AsyncSession, tariff_ids: Collection[int]
) -> dict[int, list[TariffVersionRow]]:
    """By tariff, all its versions in the order in which they hold, withdrawn ones as well."""
    query = select(TariffVersionRow).where(is_one_of(TariffVersionRow.tariff_id, tariff_ids))
    ordered = query.order_by(
        TariffVersionRow.tariff_id, TariffVersionRow.valid_from.nulls_first(), TariffVersionRow.version
    )
    found: dict[int, list[TariffVersionRow]] = {tariff_id: [] for tariff_id in tariff_ids}
    for row in await session.scalars(ordered):
        found[row.tariff_id].append(row)
    return found


async def names_of_tariffs(
    session: AsyncSession, retailer_id: int, tariff_ids: Collection[int]
) -> dict[int, str]:
    """The operator's own names of these, by id."""
    query = select(TariffRow.tariff_id, TariffRow.external_id).where(
        TariffRow.retailer_id == retailer_id, is_one_of(TariffRow.tariff_id, tariff_ids)
    )
    return {row[0]: row[1] for row in await session.execute(query)} if tariff_ids else {}


async def ids_of_tariffs(session: AsyncSession, retailer_id: int, names: Collection[str]) -> dict[str, int]:
    """The same the other way; a name that the operator has not is left out."""
    query = select(TariffRow.external_id, TariffRow.tariff_id).where(
        TariffRow.retailer_id == retailer_id, is_one_of(TariffRow.external_id, names)
    )
    return {row[0]: row[1] for row in await session.execute(query)} if names else {}
