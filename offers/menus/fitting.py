"""What somebody asks of a menu: no such allergens, these diets, a kitchen, a price; and whether a dish fits.

An allergen counts as absent only where the restaurant stated allergens and named it neither among them nor as
a trace; "not stated" never passes. Diets are those that the restaurant claims; what is vegan is vegetarian.
Formulas state neither, so they fit only who asks for neither.
Pure: no database. The same in SQL, for many, is `offers.menus.around`'s.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from geo.errors import Fault, InvalidInput
from offers.menus import allergens as allergens_
from offers.menus import diets as diets_
from offers.menus.allergens import ALLERGENS
from offers.menus.card import Item
from offers.menus.diets import DIETS

MOST_CUISINES_ASKED: Final = 20

VEGAN: Final = diets_.mask_of(["vegan"])
VEGETARIAN: Final = diets_.mask_of(["vegetarian"])
NOTHING: Final[tuple[str, ...]] = ()


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Masks as in `offers.menus.allergens` and `offers.menus.diets`; 0 asks for nothing.

    `without` must not be in a dish, it must suit all `diets`; one of `cuisines` (empty: any);
    `max_price_minor` in `currency` for a main course or a formula.
    """

    without: int = 0
    diets: int = 0
    cuisines: tuple[str, ...] = ()
    max_price_minor: int | None = None
    currency: str | None = None
    only_open: bool = False

    @property
    def is_of_food(self) -> bool:
        """Whether dishes have to be looked at one by one."""
        return bool(self.without or self.diets)

    def joined(self, allergens: Sequence[str], diets: Sequence[str]) -> "Wish":
        """The same, and without these and suiting these as well."""
        without = self.without | allergens_.mask_of(allergens)
        return msgspec.structs.replace(self, without=without, diets=self.diets | diets_.mask_of(diets))


def wish_of(
    *,
    without: Sequence[str] = NOTHING,
    diets: Sequence[str] = NOTHING,
    cuisines: Sequence[str] = NOTHING,
    max_price_minor: int | None = None,
    currency: str | None = None,
    only_open: bool = False,
) -> Wish:
    """As asked in words. Raises InvalidInput that names what is no allergen, diet or pair."""
    faults = [
        *_unknown("without", without, ALLERGENS, "one of the 14 allergens"),
        *_unknown("diet", diets, DIETS, "one of the diets"),
    ]
    if len(cuisines) > MOST_CUISINES_ASKED:
        faults.append(Fault("cuisine", f"names {len(cuisines)}; at most {MOST_CUISINES_ASKED}"))
    if max_price_minor is not None and currency is None:
        faults.append(Fault("currency", "is needed with max_price_minor"))
    if faults:
        raise InvalidInput("The menus asked for cannot be looked for.", faults=tuple(faults))
    return Wish(
        without=allergens_.mask_of(without),
        diets=diets_.mask_of(diets),
        cuisines=tuple("_".join(one.casefold().split()) for one in cuisines),
        max_price_minor=max_price_minor,
        currency=currency,
        only_open=only_open,
    )


def fits(item: Item, wish: Wish) -> bool:
    """Whether this dish is for who wishes so; its price is not looked at."""
    if wish.without:
        if item.allergens is None:
            return False
        if wish.without & (allergens_.mask_of(item.allergens) | allergens_.mask_of(item.traces)):
            return False
    suits = diets_.mask_of(item.diets)
    if suits & VEGAN:
        suits |= VEGETARIAN
    return suits & wish.diets == wish.diets


def _unknown(field: str, named: Sequence[str], known: Sequence[str], what: str) -> list[Fault]:
    return [
        Fault(field, f"has {one!r}, which is not {what}: {', '.join(known)}")
        for one in named
        if one not in known
    ]
