"""When a menu is served, and in which language it is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from offers.menus.allergens import ALLERGENS, EVERY_BIT, allergens_in, in_order, mask_of, written
from offers.menus.currencies import as_decimal, as_minor, decimals_of
from offers.menus.diets import DIETS, diets_in
from offers.menus.diets import mask_of as diet_mask
from offers.menus.opening import Opening, is_served, opening_of
from offers.menus.reading import read_card
from offers.menus.speaking import best_of, language_for, said
from tests.menus.cards import small

PARIS = "Europe/Paris"
ALWAYS = "24/7"
LUNCH = "Mo-Fr 12:00-14:30"


def at(clock: str) -> datetime:
    """On Thursday, 4 June 2026, by the clock of Paris in summer."""
    hour, minute = clock.split(":")
    return datetime(2026, 6, 4, int(hour) - 2, int(minute), tzinfo=UTC)


def test_a_menu_is_served_in_its_own_hours() -> None:
    assert opening_of(LUNCH, ALWAYS, PARIS, at("12:30")) == Opening(True, closes_at=at("14:30"))
    assert opening_of(LUNCH, None, PARIS, at("10:00")) == Opening(False, opens_at=at("12:00"))


def test_a_menu_is_served_only_while_its_site_is_open() -> None:
    assert opening_of(LUNCH, "Mo-Su 13:00-22:00", PARIS, at("12:30")) == Opening(False, opens_at=at("13:00"))
    assert opening_of(LUNCH, "Mo-Su 09:00-13:30", PARIS, at("12:30")) == Opening(True, closes_at=at("13:30"))


def test_without_hours_it_is_served_whenever_the_site_is_open() -> None:
    assert opening_of(None, "Mo-Su 09:00-22:00", PARIS, at("12:30")) == Opening(True, closes_at=at("22:00"))
    assert opening_of(None, None, PARIS, at("12:30")) == Opening(None)
    assert opening_of(None, ALWAYS, PARIS, at("12:30")) == Opening(True)


def test_what_never_comes_together_has_no_next_time() -> None:
    never = opening_of("Mo-Su 12:00-14:00", "Mo-Su 18:00-22:00", PARIS, at("12:30"))
    assert never == Opening(False)


def test_a_change_that_changes_nothing_is_passed_over() -> None:
    site = "Mo-Su 09:00-11:00, Mo-Su 11:30-22:00"  # it shuts and opens again before the menu is served
    assert opening_of(LUNCH, site, PARIS, at("10:00")) == Opening(False, opens_at=at("12:00"))
    assert is_served(LUNCH, site, PARIS, at("13:00")) is True


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (["en"], "en"),
        (["EN-us"], "en"),
        (["de", "fr-CA"], "fr"),
        (["de"], "fr"),
        ([], "fr"),
    ],
)
def test_the_first_wish_that_is_met_decides(wanted: list[str], language: str) -> None:
    assert language_for(read_card(small()), wanted) == language


def test_a_tag_is_met_exactly_before_its_base_language() -> None:
    assert best_of(["pt", "pt-BR"], ["pt-br"]) == "pt-BR"
    assert best_of(["pt-BR"], ["pt"]) == "pt-BR"
    assert best_of(["pt-BR"], ["fr"]) is None


def test_words_are_found_in_any_language_before_none() -> None:
    assert said({"fr": "Midi", "en": "Noon"}, "en", "fr") == "Noon"
    assert said({"fr": "Midi"}, "en", "fr") == "Midi"
    assert said({"fi": "Lounas"}, "en", "fr") == "Lounas"
    assert said({}, "en", "fr") is None


def test_the_fourteen_are_those_of_annex_two_in_its_order() -> None:
    assert len(ALLERGENS) == 14
    assert (ALLERGENS[0], ALLERGENS[-1]) == ("gluten", "molluscs")
    assert mask_of(ALLERGENS) == EVERY_BIT
    assert allergens_in(mask_of(["molluscs", "gluten"])) == ["gluten", "molluscs"]
    assert in_order(["milk", "eggs", "milk"]) == ["eggs", "milk"]
    assert diets_in(diet_mask(DIETS)) == list(DIETS)


def test_the_three_answers_about_allergens_read_differently() -> None:
    french = {written(stated, [], "fr") for stated in (None, [], ["milk"])}
    assert french == {
        "Allergènes non renseignés : renseignez-vous auprès du personnel.",
        "Aucun des 14 allergènes déclaré.",
        "Contient : lait (lactose compris).",
    }
    assert written(["eggs"], ["fish"], "en") == "Contains: eggs. May contain traces of: fish."


@pytest.mark.parametrize(
    ("price_minor", "currency", "text"),
    [(1250, "EUR", "12.50"), (5, "EUR", "0.05"), (1250, "JPY", "1250"), (1250, "KWD", "1.250")],
)
def test_prices_are_written_and_read_exactly(price_minor: int, currency: str, text: str) -> None:
    assert as_decimal(price_minor, currency) == text
    assert as_minor(text, currency) == price_minor


@pytest.mark.parametrize("text", ["-1", "1.005", "1,50", "1e3", "", "NaN", "€ 3"])
def test_what_is_no_exact_price_is_none(text: str) -> None:
    assert as_minor(text, "EUR") is None
    assert decimals_of("EUR") == 2
