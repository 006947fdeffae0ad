"""What would be decided, in words for whoever tries offers out, in English and French.

Owns the sentences about the outcome and the ranking; those about the rules, which speak to the customer,
are `offers.handing.plain_words`'.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from geo.wall_clock import wall_time
from offers.handing.plain_words import SpokenLanguage
from offers.ranking import Criterion
from offers.terms import Reason

_OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    Reason.DELIVERED: ("It would be given.", "Elle serait donnée."),
    Reason.STOPPED: ("It is stopped.", "Elle est arrêtée."),
    Reason.NOT_ACTIVE: ("It is not switched on.", "Elle n'est pas active."),
    Reason.FENCE_INACTIVE: (
        "Nothing is offered at this place at this time.",
        "Rien n'est proposé dans ce lieu à cette heure.",
    ),
    Reason.NOT_SCHEDULED: ("It does not run at this time.", "Elle n'est pas valable à ce moment."),
    Reason.SITE_CLOSED: (
        "The place is closed, or its opening hours are not known.",
        "Le lieu est fermé, ou ses horaires ne sont pas connus.",
    ),
    Reason.STALE: ("The person was there too long ago.", "La personne y était il y a trop longtemps."),
    Reason.NO_CONSENT: (
        "The person has not said yes to what it needs.",
        "La personne n'a pas accepté ce qu'elle demande.",
    ),
    Reason.MINOR: (
        "The person is a minor, or did not say how old they are.",
        "La personne est mineure, ou n'a pas indiqué son âge.",
    ),
    Reason.AUDIENCE: ("It is for other people.", "Elle s'adresse à d'autres personnes."),
    Reason.QUIET_HOURS: (
        "It is the person's quiet hours, and the offer does not wait.",
        "Ce sont les heures calmes de la personne, et l'offre n'attend pas.",
    ),
    Reason.HELD: (
        "It would wait until {until} on the person's clock, and be decided anew then.",
        "Elle attendrait jusqu'au {until} à l'heure de la personne, puis tout serait revu.",
    ),
    Reason.ALREADY_HELD: (
        "It waits for the end of the quiet hours already.",
        "Elle attend déjà la fin des heures calmes.",
    ),
    Reason.NOT_PRESENT: ("The person is not there any more.", "La personne n'y est plus."),
    Reason.CUSTOMER_LIMIT: (
        "The person was given it as often as it allows.",
        "La personne l'a reçue aussi souvent qu'elle le permet.",
    ),
    Reason.RE_ELIGIBILITY: (
        "The person was given it too short a time ago.",
        "La personne l'a reçue il y a trop peu de temps.",
    ),
    Reason.DISMISSED: ("The person dismissed it before.", "La personne l'a déjà écartée."),
    Reason.FREQUENCY_CAP: (
        "The person was given as many offers as a limit allows.",
        "La personne a reçu autant d'offres qu'une limite le permet.",
    ),
    Reason.BUDGET_SPENT: ("It is used up.", "Elle est épuisée."),
    Reason.BUDGET_RESERVED: (
        "The last ones are about to be given to others; in a minute it may be possible again.",
        "Les dernières sont presque données à d'autres ; dans une minute, ce sera peut-être possible.",
    ),
    Reason.HOLDOUT: (
        "By lot this person is not given it, so that its effect can be measured.",
        "Par tirage au sort, cette personne ne la reçoit pas, pour en mesurer l'effet.",
    ),
    Reason.OUTRANKED: ("Another offer comes first here.", "Une autre offre passe avant elle ici."),
    "not_here": (
        "It is not tied to a place that is entered, visited or left here.",
        "Elle n'est liée à aucun lieu où l'on arrive, reste ou d'où l'on part ici.",
    ),
    "other_trigger": (
        "It is given on another occasion: arriving, staying or leaving.",
        "Elle est donnée à une autre occasion : en arrivant, en restant ou en partant.",
    ),
}
_OTHERWISE: Final = (
    "A condition of this offer is not met.",
    "Une condition de cette offre n'est pas remplie.",
)
_AHEAD: Final[Mapping[Criterion, tuple[str, str]]] = {
    "disliked": (
        "It comes before the next, as the person turned such offers as the next away.",
        "Elle passe avant la suivante, car la personne a écarté des offres comme la suivante.",
    ),
    "priority": (
        "It comes before the next by the business's own order.",
        "Elle passe avant la suivante selon l'ordre du commerce.",
    ),
    "interest": (
        "It comes before the next, as it meets an interest of the person.",
        "Elle passe avant la suivante, car elle répond à un intérêt de la personne.",
    ),
    "distance": (
        "It comes before the next, as its place is nearer.",
        "Elle passe avant la suivante, car son lieu est plus proche.",
    ),
    "last_served": (
        "It comes before the next, as its business was longer not heard from.",
        "Elle passe avant la suivante, car son commerce ne s'est pas manifesté depuis plus longtemps.",
    ),
    "lot": (
        "It comes before the next by lot: nothing sets them apart.",
        "Elle passe avant la suivante par tirage au sort : rien ne les distingue.",
    ),
}
_LAST: Final = ("Nothing comes after it.", "Rien ne vient après elle.")
_DATE: Final = {"en": "%Y-%m-%d %H:%M", "fr": "%d/%m/%Y %H:%M"}


def say_outcome(outcome: str, language: SpokenLanguage, hold_until: datetime | None, time_zone: str) -> str:
    """One sentence for a reason, or for why an offer is not considered."""
    sentence = _OUTCOMES.get(outcome, _OTHERWISE)[language == "fr"]
    if hold_until is None:
        return sentence
    return sentence.format(until=f"{wall_time(hold_until, time_zone):{_DATE[language]}}")


def say_ahead(criterion: Criterion | None, language: SpokenLanguage) -> str:
    """Why one candidate comes before the next; None: there is no next."""
    return (_LAST if criterion is None else _AHEAD[criterion])[language == "fr"]
