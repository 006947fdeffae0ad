"""The findings about a fence as sentences, in English and French. Owns the words only."""

from collections.abc import Mapping
from typing import Final

from geo.fence_lint import Finding
from geo.phone_trials import PEOPLE, STANDOFF_M

_SAID: Final[Mapping[str, Mapping[str, str]]] = {
    "smaller_than_accuracy": {
        "en": "Its narrowest part is {inner_radius_m:g} m from middle to edge, less than the {accuracy_m:g} m"
        " by which phones between houses are wrong: many visits will not be noticed.",
        "fr": "Sa partie la plus étroite mesure {inner_radius_m:g} m du milieu au bord, moins que les"
        " {accuracy_m:g} m d'erreur des téléphones entre les maisons : bien des visites échapperont.",
    },
    "overlaps_own": {
        "en": "Other fences of yours that it overlaps: {fences}, by up to {percent} % of one of the two."
        " Somebody there is in both.",
        "fr": "Vos autres zones qu'elle recouvre : {fences}, jusqu'à {percent} % de l'une des deux."
        " Qui s'y trouve est dans les deux.",
    },
    "dense_neighbours": {
        "en": "Fences within {within_m:g} m of it: {own_fences} more of yours and at least"
        " {other_fences_at_least} of others. A vague position cannot tell them apart.",
        "fr": "Zones à moins de {within_m:g} m : {own_fences} autres des vôtres et au moins"
        " {other_fences_at_least} d'autres commerces. Une position vague ne les distingue pas.",
    },
    "dwell_longer_than_open": {
        "en": "A dwell takes {dwell_s} s, but it is never open for longer than {open_at_most_s} s at a"
        " stretch: it will hardly be reached.",
        "fr": "Il faut {dwell_s} s de présence, mais le lieu n'est jamais ouvert plus de {open_at_most_s} s"
        " de suite : cela n'arrivera guère.",
    },
    "long_dwell": {
        "en": "A dwell takes {dwell_s} s: few people stay as long.",
        "fr": "Il faut {dwell_s} s de présence : peu de gens restent aussi longtemps.",
    },
    "dwell_outlasts_silence": {
        "en": "A dwell takes {dwell_s} s, but a phone that falls silent is believed to be there for"
        " {presence_credible_s} s only: phones that sleep will not reach it.",
        "fr": "Il faut {dwell_s} s de présence, mais un téléphone silencieux n'est cru présent que"
        " {presence_credible_s} s : un téléphone en veille n'y arrivera pas.",
    },
    "dwell_while_passing": {
        "en": "Walking through it takes about {walk_across_s} s, longer than the {dwell_s} s of a dwell:"
        " people who only pass will count as staying.",
        "fr": "La traverser à pied prend environ {walk_across_s} s, plus que les {dwell_s} s de présence :"
        " de simples passants compteront comme restés.",
    },
    "false_enters": {
        "en": "Of 100 people who spend an hour just outside, about {of_100_staying:g} will be said to have"
        " come in, and of 100 who walk past {of_100_passing:g}, with phones that are"
        " {accuracy_m:g} m wrong.",
        "fr": "Sur 100 personnes qui passent une heure juste à côté, environ {of_100_staying:g} seront dites"
        " entrées, et sur 100 passants {of_100_passing:g}, avec des téléphones précis à {accuracy_m:g} m.",
    },
    "missed_visits": {
        "en": "Of 100 people who stay for five minutes, about {of_100_visiting:g} will not be noticed, with"
        " phones that are {accuracy_m:g} m wrong.",
        "fr": "Sur 100 personnes qui restent cinq minutes, environ {of_100_visiting:g} ne seront pas"
        " remarquées, avec des téléphones précis à {accuracy_m:g} m.",
    },
}  # fmt: skip

CODES: Final = tuple(_SAID)

_ASSUMED: Final = {
    "en": f"Simulated with {PEOPLE} people of each kind and the rules that judge real phones. Errors drift"
    " over a minute as one two-dimensional normal distribution, and 68 of 100 are within the stated accuracy."
    f" Staying: an hour, {STANDOFF_M:g} m outside the edge, a position every 30 s. Passing: a straight walk"
    f" that comes as near as {STANDOFF_M:g} m, a position every 15 s. Visiting: five minutes at one place"
    " inside. A figure is within 7 of the mean of many such simulations, 19 times of 20.",
    "fr": f"Simulé avec {PEOPLE} personnes de chaque sorte et les règles qui jugent les vrais téléphones. Les"
    " erreurs dérivent en une minute selon une loi normale à deux dimensions ; 68 sur 100 restent dans la"
    f" précision indiquée. À côté : une heure à {STANDOFF_M:g} m du bord, une position toutes les 30 s."
    f" Passants : une marche droite qui s'approche à {STANDOFF_M:g} m, une position toutes les 15 s."
    " Visiteurs : cinq minutes à un endroit dedans. Un chiffre est à 7 près la moyenne de nombreuses"
    " simulations, 19 fois sur 20.",
}  # fmt: skip


def say_finding(finding: Finding, language: str) -> str:
    """One sentence; `language` is en or fr."""
    numbers = dict(finding.numbers)
    share = numbers.get("largest_share")
    percent = round(100 * share) if isinstance(share, float) else 0
    return _SAID[finding.code][language].format(**numbers, percent=percent)


def say_assumptions(language: str) -> str:
    return _ASSUMED[language]
