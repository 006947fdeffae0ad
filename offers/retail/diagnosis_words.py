"""What a diagnosis found, in words a retailer reads, in English and French. Owns the sentences only."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from offers.diagnosis import Finding
from offers.handing.plain_words import SpokenLanguage
from offers.terms import Reason

_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "retailer_stopped": (
        "Everything of this business is stopped, by the {by}.",
        "Tout ce qui est à ce commerce est arrêté, par {by}.",
    ),
    "stopped": ("The offer is stopped, by the {by}.", "L'offre est arrêtée, par {by}."),
    "not_active": ("The offer is {status}; activate it.", "L'offre est {status} ; activez-la."),
    "only_nearby": (
        "The offer is listed nearby and never delivered: no trigger of it is a crossing.",
        "L'offre est montrée à proximité et jamais remise : aucun déclencheur n'est un passage.",
    ),
    "schedule_over": ("The offer ended on {ended_at}.", "L'offre a pris fin le {ended_at}."),
    "tied_to_no_fence": (
        "No fence of yours has one of the ids, tags or sites that the offer names.",
        "Aucune de vos zones n'a l'identifiant, l'étiquette ou le site que l'offre nomme.",
    ),
    "no_active_fence": (
        "Every fence that the offer is tied to is disabled ({fences}).",
        "Toutes les zones liées à l'offre sont désactivées ({fences}).",
    ),
    "site_hours_unknown": (
        "The offer runs only while the site is open, and when that is, is not known.",
        "L'offre ne vaut que pendant l'ouverture du site, et ses horaires ne sont pas connus.",
    ),
    "never_on": (
        "The hours of the offer, its fences and its sites have no moment in common within a year.",
        "Les horaires de l'offre, de ses zones et de ses sites n'ont aucun moment commun d'ici un an.",
    ),
    "always_quiet": (
        "The offer is only on within the quiet hours ({start} to {end}) of whoever chose none.",
        "L'offre ne vaut que pendant les heures calmes ({start} à {end}) de qui n'en a pas choisi.",
    ),
    "not_begun": (
        "The offer has not begun; it is possible from {next_possible_at}.",
        "L'offre n'a pas commencé ; elle est possible à partir du {next_possible_at}.",
    ),
    "not_now": (
        "The offer is not on now; it is possible again from {next_possible_at}.",
        "L'offre n'est pas valable maintenant ; elle l'est de nouveau à partir du {next_possible_at}.",
    ),
    "cap_of_none": ("Cap {cap_id} allows none.", "La limite {cap_id} n'en autorise aucune."),
    "limit_never_reached": (
        "{limit} per customer in {days} days are never reached: cap {cap_id} allows {at_most} at a time.",
        "Jamais {limit} par client en {days} jours : la limite {cap_id} en autorise {at_most} à la fois.",
    ),
    "no_codes": ("The offer needs codes, and has none.", "L'offre a besoin de codes et n'en a pas."),
    "budget_spent": ("All {total} deliveries are given.", "Les {total} remises sont faites."),
    "budget_reserved": (
        "What is left of {total} deliveries is being given now ({reserved}).",
        "Ce qui reste des {total} remises est en cours de remise ({reserved}).",
    ),
    "day_budget_of_none": (
        "The offer may be given 0 times a day.",
        "L'offre peut être remise 0 fois par jour.",
    ),
    "day_budget_spent": (
        "Today's {limit} deliveries are given; it goes on at {again_at}.",
        "Les {limit} remises du jour sont faites ; reprise le {again_at}.",
    ),
    "day_budget_reserved": (
        "What is left of today's {limit} deliveries is being given now ({reserved}).",
        "Ce qui reste des {limit} remises du jour est en cours de remise ({reserved}).",
    ),
    "week_budget_of_none": (
        "The offer may be given 0 times a week.",
        "L'offre peut être remise 0 fois par semaine.",
    ),
    "week_budget_spent": (
        "This week's {limit} deliveries are given; it goes on at {again_at}.",
        "Les {limit} remises de la semaine sont faites ; reprise le {again_at}.",
    ),
    "week_budget_reserved": (
        "What is left of this week's {limit} deliveries is being given now ({reserved}).",
        "Ce qui reste des {limit} remises de la semaine est en cours de remise ({reserved}).",
    ),
    "stock_spent": (
        "All {redemptions} redemptions are used.",
        "Les {redemptions} utilisations sont épuisées.",
    ),
    "audience_impossible": (
        "Nobody can meet all rules of the audience at once.",
        "Personne ne peut remplir toutes les règles de l'audience à la fois.",
    ),
    "nobody_consented": (
        "Nobody has agreed to your offers by {channel}.",
        "Personne n'a accepté vos offres par {channel}.",
    ),
    "few_consented": (
        "Fewer than {fewer_than} people have agreed to your offers by {channel}.",
        "Moins de {fewer_than} personnes ont accepté vos offres par {channel}.",
    ),
    "nobody_personalised": (
        "The audience asks for what only consent to personalisation lets us know, and nobody gave it.",
        "L'audience demande ce que seul l'accord à la personnalisation permet de savoir ; nul ne l'a donné.",
    ),
    "nobody_came": (
        "Nobody crossed a fence of the offer in {days} days, as its triggers ask.",
        "Personne n'a franchi une zone de l'offre en {days} jours, comme ses déclencheurs le demandent.",
    ),
    "few_came": (
        "Its fences were crossed fewer than {fewer_than} times in {days} days.",
        "Ses zones ont été franchies moins de {fewer_than} fois en {days} jours.",
    ),
    "mostly_refused": (
        "About {percent} % of crossings came to nothing: {reason}.",
        "Environ {percent} % des passages n'ont rien donné : {reason}.",
    ),
    "waiting": (
        "{waiting} wait for the end of somebody's quiet hours.",
        "{waiting} attendent la fin des heures calmes de quelqu'un.",
    ),
    "few_waiting": (
        "Fewer than {fewer_than} wait for the end of somebody's quiet hours.",
        "Moins de {fewer_than} attendent la fin des heures calmes de quelqu'un.",
    ),
    "day_budget_never_binds": (
        "{per_day} a day limit nothing: there are {total} in all.",
        "{per_day} par jour ne limitent rien : il y en a {total} en tout.",
    ),
    "week_budget_never_binds": (
        "{per_week} a week limit nothing: {per_day} a day are fewer.",
        "{per_week} par semaine ne limitent rien : {per_day} par jour font moins.",
    ),
    "more_stock_than_deliveries": (
        "{redemptions} redemptions are never used up: only {total} are delivered.",
        "{redemptions} utilisations ne s'épuisent jamais : seules {total} sont remises.",
    ),
}
_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    Reason.STOPPED: ("the offer was stopped", "l'offre était arrêtée"),
    Reason.NOT_ACTIVE: ("the offer was not active", "l'offre n'était pas active"),
    Reason.FENCE_INACTIVE: ("the fence was not active", "la zone n'était pas active"),
    Reason.NOT_SCHEDULED: ("it was not within its hours", "c'était hors de ses horaires"),
    Reason.SITE_CLOSED: ("the site was closed", "le site était fermé"),
    Reason.STALE: ("phones reported them too late", "les téléphones les ont signalés trop tard"),
    Reason.NO_CONSENT: ("people had not agreed", "les personnes n'avaient pas donné leur accord"),
    Reason.MINOR: ("people had not said to be adults", "les personnes ne s'étaient pas dites majeures"),
    Reason.AUDIENCE: ("people were not of the audience", "les personnes n'étaient pas de l'audience"),
    Reason.QUIET_HOURS: ("people had quiet hours", "les personnes étaient en heures calmes"),
    Reason.ALREADY_HELD: ("it waited for them already", "elle les attendait déjà"),
    Reason.CUSTOMER_LIMIT: ("people had had it often enough", "les personnes l'avaient eue assez souvent"),
    Reason.RE_ELIGIBILITY: ("people had just had it", "les personnes venaient de l'avoir"),
    Reason.DISMISSED: ("people had dismissed it", "les personnes l'avaient écartée"),
    Reason.FREQUENCY_CAP: (
        "people had had enough offers (frequency caps)",
        "les personnes avaient eu assez d'offres (limites de fréquence)",
    ),
    Reason.BUDGET_SPENT: ("its budget was spent", "son budget était épuisé"),
    Reason.BUDGET_RESERVED: ("its last units were being given", "ses dernières unités partaient"),
    Reason.HOLDOUT: ("people are held out to measure", "les personnes sont écartées pour mesurer"),
    Reason.OUTRANKED: ("another offer came first", "une autre offre venait en premier"),
}
_VALUES: Final[Mapping[str, tuple[str, str]]] = {
    "operator": ("operator", "l'opérateur"),
    "retailer": ("business itself", "le commerce lui-même"),
    "draft": ("a draft", "un brouillon"),
    "paused": ("paused", "en pause"),
    "ended": ("ended", "terminée"),
    "push": ("notification", "notification"),
    "inbox": ("inbox", "boîte"),
    **_REASONS,
}
_TIMES: Final = frozenset({"ended_at", "next_possible_at", "again_at"})
_WRITTEN: Final = ("%Y-%m-%d %H:%M UTC", "%d/%m/%Y %H:%M UTC")


def say_finding(finding: Finding, language: SpokenLanguage) -> str:
    """One sentence; the numbers stand beside it for programs."""
    which = 0 if language == "en" else 1
    said = {name: _value(name, value, which) for name, value in finding.numbers.items()}
    return _SENTENCES[finding.code][which].format(**said)


def _value(name: str, value: str | float, which: int) -> str | float:
    if name in _TIMES:
        return datetime.fromisoformat(str(value)).strftime(_WRITTEN[which])
    pair = _VALUES.get(str(value))
    return value if pair is None else pair[which]
