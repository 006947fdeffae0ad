"""The café's lunch card in the story: written, published, half sold out, read by the phone."""

from collections.abc import Mapping
from typing import Any, Final

from api.story.told import MENU_ID, NOW, OPENED_AT, RETAILER_ID, SITE_ID, TIME_ZONE, Told, answering, page

_NAME: Final = {"fr": "Le midi", "en": "Lunch"}
_TITLE: Final = {"fr": "Croque-monsieur", "en": "Toasted ham and cheese"}
_SOUP: Final[dict[str, Any]] = {
    "id": "soup",
    "name": {"fr": "Soupe du jour", "en": "Soup of the day"},
    "sizes": [
        {"id": "cup", "name": {"fr": "Bol", "en": "Cup"}, "price_minor": 450},
        {"id": "bowl", "name": {"fr": "Assiette", "en": "Bowl"}, "price_minor": 690},
    ],
    "allergens": [],
    "traces": ["celery"],
    "diets": ["vegan", "vegetarian"],
}
_CROQUE: Final[dict[str, Any]] = {
    "id": "croque-monsieur",
    "name": _TITLE,
    "price_minor": 1250,
    "allergens": ["gluten", "milk"],
    "add_ons": [{"id": "egg", "name": {"fr": "Œuf", "en": "Egg"}, "price_minor": 150, "allergens": ["eggs"]}],
}
_SALAD: Final[dict[str, Any]] = {
    "id": "salad",
    "name": {"fr": "Salade", "en": "Salad"},
    "price_minor": 990,
}
_CARD: Final[dict[str, Any]] = {
    "name": _NAME,
    "language": "fr",
    "currency": "EUR",
    "cuisines": ["french"],
    "opening_hours": "Mo-Fr 12:00-14:30",
    "sections": [
        {"id": "starters", "name": {"fr": "Entrées", "en": "Starters"}, "items": [_SOUP]},
        {"id": "mains", "name": {"fr": "Plats", "en": "Mains"}, "items": [_CROQUE, _SALAD]},
    ],
    "formulas": [
        {
            "id": "starter-main",
            "name": {"fr": "Entrée + plat", "en": "Starter and main"},
            "price_minor": 1650,
            "courses": [
                {"name": {"fr": "Entrée", "en": "Starter"}, "section_ids": ["starters"]},
                {"name": {"fr": "Plat", "en": "Main"}, "section_ids": ["mains"]},
            ],
        }
    ],
}
_DRAFT: Final = {"site_id": SITE_ID, "external_id": "lunch", **_CARD}
_HASH: Final = "0" * 64
_TODAY: Final[dict[str, Any]] = {
    "id": "dish-of-the-day",
    "name": {"fr": "Blanquette", "en": "Veal stew"},
    "price_minor": 1450,
    "allergens": ["milk", "celery"],
}
_SOLD_OUT: Final = [{"item_id": "croque-monsieur", "until": "2026-07-01T22:00:00Z"}]


def _food(**said: Any) -> dict[str, Any]:
    return {"allergens": None, "traces": [], "diets": [], **said}


def _item(**said: Any) -> dict[str, Any]:
    add_ons = [_food(**one) for one in said.pop("add_ons", [])]
    return {
        **_food(**said), "description": said.get("description", {}), "price_minor": said.get("price_minor"),
        "sizes": said.get("sizes", []), "add_ons": add_ons, "photos": [],
    }  # fmt: skip


def _written(specials: list[Any] | None = None, croque: dict[str, Any] = _CROQUE) -> dict[str, Any]:
    """The card as the server tells it, with what was not said."""
    courses = [
        {"choose": 1, "item_ids": [], "supplements": [], **course}
        for course in _CARD["formulas"][0]["courses"]
    ]
    formula = {**_CARD["formulas"][0], "description": {}, "opening_hours": None, "courses": courses}
    dishes = ([_SOUP], [croque, _SALAD])
    sections = [
        {**section, "description": {}, "items": [_item(**one) for one in items]}
        for section, items in zip(_CARD["sections"], dishes, strict=True)
    ]
    return {
        **_CARD, "description": {}, "sections": sections, "formulas": [formula], "specials": specials or [],
    }  # fmt: skip


def _shown(status: str, version: int | None, revision: int, updated_at: str, **card: Any) -> dict[str, Any]:
    return {
        **_written(**card),
        "site_id": SITE_ID,
        "external_id": "lunch",
        "menu_id": MENU_ID,
        "retailer_id": RETAILER_ID,
        "status": status,
        "published_version": version,
        "content_hash": _HASH,
        "revision": revision,
        "created_at": OPENED_AT,
        "updated_at": updated_at,
    }


_DEARER: Final = {**_CROQUE, "price_minor": 1290}
_CREATED: Final = _shown("draft", None, 1, OPENED_AT)
_PUBLISHED: Final = _shown("published", 1, 2, "2026-06-15T09:10:00Z")
_EDITED: Final = _shown("published", 1, 3, NOW, croque=_DEARER)
_SPECIAL: Final = _shown("published", 2, 4, NOW, specials=[{"on": "2026-07-01", "items": [_item(**_TODAY)]}])
_HEAD_MEMBERS: Final = (
    "menu_id", "retailer_id", "site_id", "external_id", "name", "status", "published_version",
    "content_hash", "revision", "created_at", "updated_at",
)  # fmt: skip
_LISTED: Final = {name: _PUBLISHED[name] for name in _HEAD_MEMBERS}
_VERSION: Final = {
    "version": 1, "content_hash": _HASH, "published_at": "2026-06-15T09:10:00Z", "ended_at": None,
}  # fmt: skip

_HEAD: Final = {
    "menu_id": MENU_ID,
    "site_id": SITE_ID,
    "version": 1,
    "content_hash": _HASH,
    "published_at": "2026-06-15T09:10:00Z",
    "name": "Le midi",
    "language": "fr",
    "languages": ["fr", "en"],
    "cuisines": ["french"],
    "currency": "EUR",
    "opening_hours": "Mo-Fr 12:00-14:30",
    "open_now": False,
    "closes_at": None,
    "opens_at": "2026-07-01T10:00:00Z",
    "items": 3,
    "price_from_minor": 450,
    "price_to_minor": 1250,
}
_MENU: Final = {
    **_HEAD,
    "description": None,
    "sections": [
        {
            "id": "starters",
            "name": "Entrées",
            "description": None,
            "items": [
                {
                    "id": "soup",
                    "name": "Soupe du jour",
                    "allergens": [],
                    "traces": ["celery"],
                    "allergens_text": "Aucun des 14 allergènes déclaré."
                    " Peut contenir des traces de : céleri.",
                    "diets": ["vegan", "vegetarian"],
                    "description": None,
                    "sizes": [
                        {"id": "cup", "name": "Bol", "price_minor": 450},
                        {"id": "bowl", "name": "Assiette", "price_minor": 690},
                    ],
                    "add_ons": [],
                    "photos": [],
                    "available": True,
                    "sold_out_until": None,
                }
            ],
        },
        {
            "id": "mains",
            "name": "Plats",
            "description": None,
            "items": [
                {
                    "id": "croque-monsieur",
                    "name": "Croque-monsieur",
                    "allergens": ["gluten", "milk"],
                    "traces": [],
                    "allergens_text": "Contient : céréales contenant du gluten, lait (lactose compris).",
                    "diets": [],
                    "description": None,
                    "sizes": [{"id": None, "name": None, "price_minor": 1250}],
                    "add_ons": [
                        {
                            "id": "egg",
                            "name": "Œuf",
                            "allergens": ["eggs"],
                            "traces": [],
                            "allergens_text": "Contient : œufs.",
                            "diets": [],
                            "price_minor": 150,
                        }
                    ],
                    "photos": [],
                    "available": False,
                    "sold_out_until": "2026-07-01T22:00:00Z",
                },
                {
                    "id": "salad",
                    "name": "Salade",
                    "allergens": None,
                    "traces": [],
                    "allergens_text": "Allergènes non renseignés : renseignez-vous auprès du personnel.",
                    "diets": [],
                    "description": None,
                    "sizes": [{"id": None, "name": None, "price_minor": 990}],
                    "add_ons": [],
                    "photos": [],
                    "available": True,
                    "sold_out_until": None,
                },
            ],
        },
    ],
    "formulas": [
        {
            "id": "starter-main",
            "name": "Entrée + plat",
            "description": None,
            "price_minor": 1650,
            "opening_hours": None,
            "open_now": False,
            "available": True,
            "courses": [
                {"name": "Entrée", "choose": 1, "item_ids": ["soup"], "supplements": {}},
                {
                    "name": "Plat",
                    "choose": 1,
                    "item_ids": ["croque-monsieur", "salad"],
                    "supplements": {},
                },
            ],
        }
    ],
    "specials": [],
}
_ROW: Final = {"external_id": "lunch", "site_external_id": "paris-04", **_CARD}
_LINKED: Final = {
    "@context": "https://schema.org",
    "@type": "Restaurant",
    "identifier": "paris-04",
    "servesCuisine": "French",
    "hasMenu": {
        "@type": "Menu",
        "identifier": "lunch",
        "name": "Le midi",
        "inLanguage": "fr",
        "hasMenuSection": {
            "@type": "MenuSection",
            "name": "Plats",
            "hasMenuItem": {
                "@type": "MenuItem",
                "identifier": "salad",
                "name": "Salade",
                "offers": {"@type": "Offer", "price": "9.90", "priceCurrency": "EUR"},
            },
        },
    },
}
_TABLE: Final = (
    "menu,site,language,currency,opening_hours,menu.name.fr,section,section.name.fr,item,name.fr,price,"
    "allergens\r\n"
    "lunch,paris-04,fr,EUR,Mo-Fr 12:00-14:30,Le midi,mains,Plats,croque-monsieur,Croque-monsieur,12.50,"
    "gluten|milk\r\n"
    "lunch,,,,,,mains,,salad,Salade,9.90,\r\n"
)
_REPORT: Final = {
    "dry_run": False,
    "rows": 1,
    "created": 1,
    "updated": 0,
    "unchanged": 0,
    "refused": 0,
    "errors": [],
}
_READ_IN_FRENCH: Final = {"Accept-Language": "fr"}

TOLD: Final[Mapping[str, Told]] = {
    "createMenu": Told(answering(_CREATED, "201"), asked={"": _DRAFT}),
    "listMenus": Told(answering(page(_LISTED)), parameters={"external_id": "lunch"}),
    "getMenu": Told(answering(_PUBLISHED)),
    "replaceMenu": Told(
        answering(_EDITED),
        asked={
            "": {
                **_DRAFT,
                "sections": [_CARD["sections"][0], {**_CARD["sections"][1], "items": [_DEARER, _SALAD]}],
            }
        },
        parameters={"If-Match": '"2"'},
    ),
    "patchMenu": Told(
        answering(_PUBLISHED),
        asked={"": {"opening_hours": "Mo-Fr 12:00-14:30"}},
        parameters={"If-Match": '"2"'},
    ),
    "patchMenuItem": Told(
        answering(_EDITED), asked={"": {"price_minor": 1290}}, parameters={"If-Match": '"2"'}
    ),
    "deleteMenu": Told(parameters={"If-Match": '"1"'}),
    "publishMenu": Told(answering(_PUBLISHED), parameters={"If-Match": '"1"'}),
    "unpublishMenu": Told(answering(_shown("draft", None, 3, NOW)), parameters={"If-Match": '"2"'}),
    "listMenuVersions": Told(answering(page(_VERSION))),
    "getMenuVersion": Told(
        answering({**_VERSION, "card": _written(), "sold_out": _SOLD_OUT}), parameters={"at": NOW}
    ),
    "getMenuAvailability": Told(answering({"sold_out": _SOLD_OUT})),
    "setMenuAvailability": Told(
        answering({"sold_out": _SOLD_OUT}),
        asked={"": {"item_ids": ["croque-monsieur"], "state": "sold_out_today"}},
    ),
    "setMenuSpecials": Told(
        answering(_SPECIAL), asked={"": {"items": [_TODAY]}}, parameters={"If-Match": '"3"'}
    ),
    "importMenus": Told(
        answering(_REPORT), asked={"JSON": {"menus": [_ROW]}, "JSON-LD": _LINKED, "CSV": _TABLE}
    ),
    "exportMenus": Told(
        {"200": {"JSON": {"menus": [{**_ROW, "status": "published"}]}}}, parameters={"format": "json"}
    ),
    "listSiteMenus": Told(
        answering({"site_id": SITE_ID, "time_zone": TIME_ZONE, "menus": [_MENU]}), parameters=_READ_IN_FRENCH
    ),
    "openMenu": Told(answering(_MENU), parameters=_READ_IN_FRENCH),
    "printAllergens": Told(parameters=_READ_IN_FRENCH),
}
