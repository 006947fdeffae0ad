"""Which language of a card somebody reads, and its words in it.

Pure: no database. Tags are BCP 47, compared without case; a wish for `fr-CA` is met by `fr` and the other way
round (the lookup of RFC 4647 § 3.4, and siblings of one base language besides).
"""

from collections.abc import Iterable, Mapping, Sequence

from offers.menus.card import Card


def language_for(card: Card, wanted: Iterable[str]) -> str:
    """The first wish that the whole card can be read in; else the card's own language."""
    return best_of(card.languages, wanted) or card.language


def best_of(spoken: Sequence[str], wanted: Iterable[str]) -> str | None:
    """The first wish that is met, by the same tag before the same base language; None: none is."""
    exact = {tag.lower(): tag for tag in reversed(spoken)}
    by_base = {_base(tag): tag for tag in reversed(spoken)}
    for wish in wanted:
        if (found := exact.get(wish.lower()) or by_base.get(_base(wish))) is not None:
            return found
    return None


def said(text: Mapping[str, str], language: str, own: str) -> str | None:
    """A text in that language, else in the card's own, else in any; None where it says nothing."""
    for wish in (language, own):
        if wish in text:
            return text[wish]
    return next(iter(text.values()), None)


def _base(tag: str) -> str:
    return tag.partition("-")[0].lower()
