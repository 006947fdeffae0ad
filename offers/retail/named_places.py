"""The places that imported offers name, by Alentour's ids or the retailer's own: found, and held."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from geo.errors import Fault
from geo.fences import hold_fences
from geo.names import FENCES, SITES, ids_of
from geo.sites import positions_of_sites
from offers.menus.menu_edits import hold_menus
from offers.menus.tables import MENUS
from offers.retail.budgets import Budget
from offers.retail.offer_edits import OfferEdit, missing_faults, missing_menu, target_faults

STILL_TO_COME = 0  # the id of a fence that has none yet


class OfferLine(msgspec.Struct, frozen=True, kw_only=True):
    """One row: the offer, its budget, and places that it names by the retailer's own ids.

    `is_history`: it says that the offer has ended.
    """

    edit: OfferEdit
    budget: Budget
    fence_names: tuple[str, ...] = ()
    site_names: tuple[str, ...] = ()
    menu_name: str | None = None
    is_history: bool = False


class Places(msgspec.Struct, frozen=True):
    """The retailer's places that some rows name, held until the commit."""

    fences: frozenset[int]
    sites: frozenset[int]
    fence_ids: Mapping[str, int]
    site_ids: Mapping[str, int]
    menus: frozenset[int]
    menu_ids: Mapping[str, int]


async def hold_places(
    session: AsyncSession, retailer_id: int, lines: Iterable[OfferLine], coming: Collection[str] = ()
) -> Places:
    """Those that exist; `coming` are names of fences that are still to come.

    Sites before fences: the order in which deletions lock them, too.
    """
    lines = list(lines)
    site_names = {name for line in lines for name in line.site_names}
    fence_names = {name for line in lines for name in line.fence_names}
    site_ids = await ids_of(session, SITES, retailer_id, site_names)
    fence_ids = await ids_of(session, FENCES, retailer_id, fence_names)
    named_sites = {id_ for line in lines for id_ in line.edit.site_ids} | set(site_ids.values())
    named_fences = {id_ for line in lines for id_ in line.edit.fence_ids} | set(fence_ids.values())
    sites = await positions_of_sites(session, retailer_id, named_sites)
    fences = await hold_fences(session, retailer_id, named_fences)
    menu_ids = await ids_of(session, MENUS, retailer_id, {line.menu_name for line in lines if line.menu_name})
    named_menus = {line.edit.menu_id for line in lines if line.edit.menu_id} | set(menu_ids.values())
    menus = await hold_menus(session, retailer_id, named_menus)
    all_fences = {**dict.fromkeys(coming, STILL_TO_COME), **fence_ids}
    return Places(frozenset(fences), frozenset(sites), all_fences, site_ids, frozenset(menus), menu_ids)


def placed(line: OfferLine, places: Places) -> tuple[OfferEdit, list[Fault]]:
    """The offer with all its places by id, and what is wrong with them."""
    edit = line.edit
    fences = [places.fence_ids[name] for name in line.fence_names if name in places.fence_ids]
    sites = [places.site_ids[name] for name in line.site_names if name in places.site_ids]
    all_placed = msgspec.structs.replace(
        edit,
        fence_ids=(*edit.fence_ids, *fences),
        site_ids=(*edit.site_ids, *sites),
        menu_id=places.menu_ids.get(line.menu_name) if line.menu_name else edit.menu_id,
    )
    missing = [
        *missing_faults(edit.site_ids, places.sites, "site_ids"),
        *missing_faults(edit.fence_ids, places.fences, "fence_ids"),
        *_unknown(line.fence_names, places.fence_ids, "fences.external_ids"),
        *_unknown(line.site_names, places.site_ids, "fences.site_external_ids"),
        *missing_menu(edit.menu_id, places.menus),
    ]
    if line.menu_name and all_placed.menu_id is None:
        missing.append(Fault("menu_external_id", "there is no such menu"))
    return all_placed, missing or target_faults(all_placed)


def _unknown(names: Sequence[str], known: Mapping[str, int], field: str) -> list[Fault]:
    return [
        Fault(f"{field}[{number}]", "there is no such place")
        for number, name in enumerate(names)
        if name not in known
    ]
