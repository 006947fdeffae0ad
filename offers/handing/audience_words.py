"""The rules about whom an offer is for, in words a customer reads, in English and French.

Owns the sentences only; see `offers.handing.plain_words` for all other rules.
"""

from collections.abc import Mapping
from typing import Final

_BETWEEN: Final[Mapping[tuple[bool, bool], tuple[str, str]]] = {
    (True, True): ("{least} to {most}", "{least} à {most}"),
    (True, False): ("{least} or more", "{least} ou plus"),
    (False, True): ("at most {most}", "{most} au plus"),
}
_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "language": (
        "The offer is for people who read your language.",
        "L'offre s'adresse à des personnes qui lisent votre langue.",
    ),
    "interests": (
        "The offer is for people who named an interest of yours: {shared}.",
        "L'offre s'adresse à des personnes qui ont nommé un intérêt comme le vôtre : {shared}.",
    ),
    "no_interest": (
        "The offer is for people who named an interest that you did not name.",
        "L'offre s'adresse à des personnes ayant nommé un intérêt que vous n'avez pas nommé.",
    ),
    "visits": (
        "You had been there {counted} times before; the offer is for {range}.",
        "Vous y étiez venu {counted} fois ; l'offre est pour {range}.",
    ),
    "last_visit": (
        "Your last visit was {days_since} days before; the offer is for {range} days.",
        "Votre dernière visite datait de {days_since} jours ; l'offre est pour {range} jours.",
    ),
    "no_visit": (
        "You had not been there in the last months.",
        "Vous n'y étiez pas venu ces derniers mois.",
    ),
    "attribute": (
        "The business noted about you, its customer: {attribute} is {value}.",
        "Le commerce a noté à votre sujet, comme client : {attribute} est {value}.",
    ),
    "not_known": (
        "The offer asks for something that is not known about you, and is then for {whom}.",
        "L'offre demande quelque chose qu'on ne sait pas de vous, et vaut alors pour {whom}.",
    ),
}
_WHOM: Final = {"include": ("you, too", "vous aussi"), "exclude": ("others", "d'autres")}


def say_audience(numbers: Mapping[str, str | int | float | bool | None], language: str) -> str | None:
    """One sentence; None for a rule that has none. Raises KeyError where its numbers are not as expected."""
    about = str(numbers.get("about"))
    said: dict[str, object] = dict(numbers)
    if about == "interests" and not numbers["shared"]:
        about = "no_interest"
    if about == "last_visit" and numbers["days_since"] is None:
        about = "no_visit"
    if about in {"visits", "last_visit"}:
        said["range"] = _range(numbers["at_least"], numbers["at_most"], language)
    if about == "not_known":
        said["whom"] = _pick(_WHOM[str(numbers["if_not_known"])], language)
    sentence = _SENTENCES.get(about)
    return None if sentence is None else _pick(sentence, language).format(**said)


def _range(least: object, most: object, language: str) -> str:
    pair = _BETWEEN[least is not None, most is not None]
    return _pick(pair, language).format(least=least, most=most)


def _pick(pair: tuple[str, str], language: str) -> str:
    return pair[0] if language == "en" else pair[1]
