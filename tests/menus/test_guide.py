"""The guide to menus says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from api.menu_table import BY_LANGUAGE, PLAIN
from offers.menus.allergens import ALLERGENS
from offers.menus.card import Card, Course, Formula, Item, Section
from offers.menus.diets import DIETS
from offers.menus.reading import read_card

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "menus.md").read_text(encoding="utf-8")


def test_the_example_of_the_guide_is_a_card() -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```$", GUIDE, flags=re.DOTALL | re.MULTILINE)
    (menu,) = json.loads(block)["menus"]
    for name in ("external_id", "site_external_id", "status"):
        del menu[name]
    assert [item.id for item in read_card(menu).items] == ["soup", "steak"]


def test_the_guide_names_every_member_word_and_column() -> None:
    members = {name for form in (Card, Section, Item, Formula, Course) for name in form.__struct_fields__}
    words = [*members, *ALLERGENS, *DIETS, *PLAIN, *(f"{one}fr" for one in BY_LANGUAGE)]
    assert [word for word in words if f"`{word}`" not in GUIDE] == []
