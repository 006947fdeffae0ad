"""Limits in words a customer reads, in English and French: who set each, what it counts, when it ends.

Owns the sentences only; the counting sentence is that of "why this?" (`offers.handing.plain_words`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from geo.wall_clock import rfc3339, wall_time
from offers.effective_caps import Bound
from offers.handing.plain_words import SpokenLanguage, say
from offers.terms import Reason, Rule

_SET_BY: Final[Mapping[str, tuple[str, str]]] = {
    "system": ("A limit for everybody.", "Une limite pour tout le monde."),
    "each_retailer": (
        "A limit for each business ({retailer}).",
        "Une limite pour chaque commerce ({retailer}).",
    ),
    "retailer": ("A limit that {retailer} set.", "Une limite fixée par {retailer}."),
    "offer": (
        "A limit that {retailer} set for one offer.",
        "Une limite fixée par {retailer} pour une seule offre.",
    ),
}
_REACHED: Final = ("The next is possible from {at} on.", "La prochaine est possible à partir du {at}.")
_NEVER: Final = ("None is possible while it holds.", "Aucune n'est possible tant qu'elle existe.")
_ORDER: Final = (
    "Limits for everybody come first, then the business's, then the offer's. The strictest decides.",
    "D'abord les limites communes, puis celles du commerce, puis de l'offre. La plus stricte décide.",
)
_IGNORED: Final = (
    "None of these limits holds for this offer.",
    "Aucune de ces limites ne vaut pour cette offre.",
)
_QUIET: Final[Mapping[str, tuple[str, str]]] = {
    "quiet": (
        "It is quiet for you until {until}: nothing is sent between {start} and {end}.",
        "C'est calme pour vous jusqu'au {until} : rien n'est envoyé entre {start} et {end}.",
    ),
    "awake": (
        "Nothing is sent between {start} and {end}; now it may.",
        "Rien n'est envoyé entre {start} et {end} ; maintenant, c'est possible.",
    ),
    "never": ("You set no quiet hours.", "Vous n'avez pas d'heures calmes."),
}
_DATE: Final = {"en": "%Y-%m-%d %H:%M:%S", "fr": "%d/%m/%Y %H:%M:%S"}
_WITHOUT_NAME: Final = ("a business", "un commerce")


def say_limit(bound: Bound, retailer: str | None, language: SpokenLanguage, time_zone: str) -> str:
    """Who set it, how much is taken, and from when on there is room again if there is none."""
    name = retailer or _pick(_WITHOUT_NAME, language)
    sentences = [
        _pick(_SET_BY[bound.cap.scope], language).format(retailer=name),
        say(_counting(bound), language, time_zone),
    ]
    if bound.is_reached:
        at = bound.next_possible_at
        told = _NEVER if at is None else _REACHED
        sentences.append(_pick(told, language).format(at=at and _written(at, language, time_zone)))
    return " ".join(sentences)


def say_order(language: SpokenLanguage, *, ignores_caps: bool = False) -> str:
    """How limits are inherited; or that an offer is taken out of them."""
    return _pick(_IGNORED if ignores_caps else _ORDER, language)


def say_quiet(start: str, end: str, until: datetime | None, language: SpokenLanguage, time_zone: str) -> str:
    """Whether it is quiet now; `until` None: it is not."""
    sentence = _QUIET["never" if start == end else "awake" if until is None else "quiet"]
    written = "" if until is None else _written(until, language, time_zone)
    return _pick(sentence, language).format(start=start, end=end, until=written)


def _counting(bound: Bound) -> Rule:
    """As a decision's trace tells it; said as it is, whether or not one more would pass."""
    cap = bound.cap
    return Rule(
        name=Reason.FREQUENCY_CAP,
        passed=True,
        numbers={
            "scope": cap.scope,
            "channel": cap.channel,
            "tag": cap.tag,
            "at_most": cap.at_most,
            "counted": bound.counted,
            "window_start": rfc3339(bound.window_start),
        },
    )


def _written(at: datetime, language: SpokenLanguage, time_zone: str) -> str:
    return f"{wall_time(at, time_zone):{_DATE[language]}}"


def _pick(pair: tuple[str, str], language: SpokenLanguage) -> str:
    return pair[0] if language == "en" else pair[1]
