"""What is around, over HTTP: sites, or the menus that are served there."""

from typing import Annotated, Final, Literal

import asyncpg
import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import Parameter

from api.auth import AuthPhone, Phone, requires_phone
from api.database import PLAIN, Now, Tx
from api.etags import NOT_MODIFIED, unless_known
from api.languages import ranked_languages
from api.routes.devices import key_of
from api.routes.shown_menus import IfNoneMatch, Languages
from geo.errors import Fault, InvalidInput
from geo.spots import spot_of
from offers.consent import may_personalise, may_track
from offers.handing.around import FURTHEST_M, MOST_SITES, SiteNearby, read_around
from offers.menus.around import MenuNearby, Search, menus_around
from offers.menus.card import HIGHEST_PRICE_MINOR
from offers.menus.fitting import Wish, wish_of
from offers.menus.ranking import tastes_of
from offers.minors import may_see_offers
from offers.people.customers import Standing, read_preferences, read_standing
from offers.people.diets import read_diet

MENU: Final = "menu"
MINE: Final = "mine"

Latitude = Annotated[float, Parameter(ge=-90, le=90, description="WGS 84 degrees.")]
Longitude = Annotated[float, Parameter(ge=-180, le=180, description="WGS 84 degrees.")]
Radius = Annotated[float, Parameter(ge=1, le=FURTHEST_M, description="How far to look.")]
Accuracy = Annotated[float | None, Parameter(ge=0, description="How sure the phone is (68 % radius).")]
Kinds = Annotated[
    str | None,
    Parameter(
        max_length=500,
        description="Kinds of sites, with commas between: shop,restaurant. With `menu` among them, menus are"
        " told instead: at sites of the other kinds named, or at all.",
    ),
]
Limit = Annotated[int, Parameter(ge=1, le=MOST_SITES, description="How many sites, or menus, at most.")]
Diets = Annotated[
    str | None,
    Parameter(
        max_length=200,
        description="Menus with a dish for these diets, all of them: vegan,halal. `mine`: for what is kept at"
        " `/v1/me/diet`, allergens included.",
    ),
]
Without = Annotated[
    str | None,
    Parameter(
        max_length=200,
        description="Menus with a dish without these allergens, not even in traces: nuts,milk. Only a dish"
        " whose allergens are stated counts.",
    ),
]
Cuisines = Annotated[
    str | None, Parameter(max_length=500, description="Menus of any of these, as in OSM: french,sushi.")
]
MostMinor = Annotated[
    int | None,
    Parameter(
        ge=0,
        le=HIGHEST_PRICE_MINOR,
        description="Menus with a fitting main course (one that costs at least the median of the card) or a"
        " formula for at most this, in minor units of `currency`.",
    ),
]
Currency = Annotated[str | None, Parameter(pattern="^[A-Z]{3}$", description="Menus in it. ISO 4217.")]
OnlyOpen = Annotated[bool, Parameter(description="Only menus that are served now.")]
Form = Annotated[
    Literal["compact", "full"], Parameter(description="`full`: menus with their dishes that fit.")
]
Language = Annotated[
    str | None,
    Parameter(max_length=35, description="In which menus are told that have it; before Accept-Language."),
]


class AskedOfMenus(msgspec.Struct, frozen=True, kw_only=True):
    """What a request asks of menus only, as it was written; None (or False) where it says nothing."""

    diet: str | None = None
    without: str | None = None
    cuisine: str | None = None
    max_price_minor: int | None = None
    currency: str | None = None
    open_now: bool = False

    @property
    def asks_for_own(self) -> bool:
        return MINE in _listed(self.diet)

    def wish(self) -> Wish:
        """The same, understood. Raises InvalidInput that names every parameter at fault."""
        return wish_of(
            without=_listed(self.without),
            diets=[one for one in _listed(self.diet) if one != MINE],
            cuisines=_listed(self.cuisine),
            max_price_minor=self.max_price_minor,
            currency=self.currency,
            only_open=self.open_now,
        )

    def refuse(self) -> None:
        """What only menus have would else be left out of account in silence."""
        faults = tuple(
            Fault(name, "is for menus: ask for kinds=menu")
            for name in self.__struct_fields__
            if getattr(self, name) is not None and getattr(self, name) is not False
        )
        if faults:
            raise InvalidInput("Sites cannot be looked for by what is on their menus.", faults=faults)


class Nearby(msgspec.Struct, kw_only=True):
    """Sites nearest first, or menus best first.

    `coarse`: the position was rounded to 0.01° first, `lat` and `lon` say to what.
    """

    coarse: bool
    lat: float
    lon: float
    items: list[SiteNearby]
    menus: list[MenuNearby]


def read_asked(
    diet: Diets = None,
    without: Without = None,
    cuisine: Cuisines = None,
    max_price_minor: MostMinor = None,
    currency: Currency = None,
    open_now: OnlyOpen = False,
) -> AskedOfMenus:
    return AskedOfMenus(
        diet=diet,
        without=without,
        cuisine=cuisine,
        max_price_minor=max_price_minor,
        currency=currency,
        open_now=open_now,
    )


@get(
    "/v1/nearby",
    guards=[requires_phone],
    dependencies={"asked": Provide(read_asked, sync_to_thread=False)},
    operation_id="listNearby",
    summary="What is around",
    responses=NOT_MODIFIED,
)
async def list_nearby(  # noqa: PLR0913, PLR0917 - one argument per query parameter
    phone: AuthPhone,
    tx: Tx,
    now: Now,
    asked: NamedDependency[AskedOfMenus],
    lat: Latitude,
    lon: Longitude,
    radius_m: Radius = 1_000,
    accuracy_m: Accuracy = None,
    kinds: Kinds = None,
    limit: Limit = 20,
    form: Form = "compact",
    language: Language = None,
    accept_language: Languages = None,
    if_none_match: IfNoneMatch = None,
) -> Response[Nearby]:
    """Sites with their distance, bearing, opening and the offers that run there now; or menus.

    It is you who look: an offer that names the trigger `nearby` is listed under its sites while it
    runs, and nothing is delivered, coded, counted or limited by this. Offers on enter, dwell or exit
    alone are not listed, nor those that reach the site only by a fence that has not started or is
    disabled. Whoever has not said to be an adult sees the places without offers. Without consent to
    location for offers, or with an accuracy worse than 1,000 m, the position is rounded to 0.01° before
    it is used. Nothing about the position is kept. Pages are by `limit` only.

    With `menu` among the `kinds`, the menus around, those first that cost the least minutes: the walk, the
    wait until they are served, the hurry where they soon are not; what your interests name comes ten minutes
    earlier, with consent to personalisation. No place can be bought. What is asked for is kept nowhere; a
    phone may as well filter by itself, with `form=full` or the cards. `diet=mine` needs the consent to
    `dietary` (403 `no_dietary_consent`), 404 where nothing is kept. 304 while the answer would be the one
    you have.
    """
    standing = await read_standing(tx, key_of(phone))
    spot = spot_of(lat, lon, accuracy_m=accuracy_m, may_locate=may_track(standing.grants))
    wanted = _listed(kinds)
    found = Nearby(coarse=spot.is_coarse, lat=spot.lat, lon=spot.lon, items=[], menus=[])
    if MENU in wanted:
        search = Search(
            wish=await _wish(tx, phone, asked),
            radius_m=radius_m,
            kinds=tuple(kind for kind in wanted if kind != MENU) or None,
            languages=(*_listed(language), *ranked_languages(accept_language), phone.language),
            tastes=await _tastes(tx, phone, standing),
            limit=limit,
            with_dishes=form == "full",
        )
        found.menus = await menus_around(tx, spot, search, now)
    else:
        asked.refuse()
        found.items = await read_around(
            tx,
            spot,
            radius_m=radius_m,
            kinds=wanted or None,
            language=phone.language,
            limit=limit,
            now=now,
            with_offers=may_see_offers(standing.age_band),
        )
    # Who remembers the answer may ask whether it changed; no cache may keep where somebody is.
    return unless_known(found, if_none_match, {"vary": "Accept-Language", "cache-control": "no-store"})


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


async def _wish(tx: asyncpg.Connection, phone: Phone, asked: AskedOfMenus) -> Wish:
    wish = asked.wish()
    if not asked.asks_for_own:
        return wish
    kept = await read_diet(tx, key_of(phone))
    return wish.joined(kept.allergens, kept.diets)


async def _tastes(tx: asyncpg.Connection, phone: Phone, standing: Standing) -> frozenset[str]:
    if not may_personalise(standing.grants):
        return frozenset()
    return tastes_of((await read_preferences(tx, key_of(phone))).interests)


router: Final = Router("/", route_handlers=[list_nearby], dependencies=PLAIN, tags=["Phones"])
