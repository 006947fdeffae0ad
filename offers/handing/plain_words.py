"""The rules of a decision in words a customer reads, in English and French.

Owns the sentences only. A rule whose numbers are not as expected still gets its short sentence:
an explanation never fails because a number was renamed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from geo.wall_clock import wall_time
from offers.handing.audience_words import say_audience
from offers.handing.not_met_words import NOT_MET
from offers.terms import Reason, Rule

SpokenLanguage = Literal["en", "fr"]
Numbers = Mapping[str, str | int | float | bool | None]

_ALWAYS: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.STOPPED: (
        "The business had not stopped this offer.",
        "Le commerce n'avait pas arrêté cette offre.",
    ),
    Reason.NOT_ACTIVE: ("The offer was switched on.", "L'offre était active."),
    Reason.FENCE_INACTIVE: (
        "The business gives offers at this place and at this time.",
        "Le commerce propose des offres dans ce lieu et à cette heure.",
    ),
    Reason.NOT_SCHEDULED: ("The offer runs at this time.", "L'offre est valable à ce moment."),
    Reason.SITE_CLOSED: ("The place was open.", "Le lieu était ouvert."),
    Reason.STALE: ("You were there just before.", "Vous y étiez à l'instant."),
    Reason.NO_CONSENT: (
        "You said yes to offers based on where you are, and to offers from this business.",
        "Vous avez accepté les offres selon votre position, et les offres de ce commerce.",
    ),
    Reason.MINOR: ("You told us that you are an adult.", "Vous avez indiqué être majeur."),
    Reason.AUDIENCE: (
        "The offer is for people like you.",
        "L'offre s'adresse à des personnes comme vous.",
    ),
    Reason.NOT_PRESENT: ("You were still there.", "Vous y étiez encore."),
    Reason.HOLDOUT: (
        "Some people, drawn by lot, are not given it, to learn what it does; you were not among them.",
        "Quelques personnes tirées au sort ne la reçoivent pas, pour mesurer son effet ; pas vous.",
    ),
    Reason.QUIET_HOURS: ("It was outside your quiet hours.", "C'était en dehors de vos heures calmes."),
    Reason.CUSTOMER_LIMIT: (
        "You had not received this offer too often.",
        "Vous n'aviez pas reçu cette offre trop souvent.",
    ),
    Reason.RE_ELIGIBILITY: (
        "Enough time had passed since you last received this offer.",
        "Assez de temps s'était écoulé depuis la dernière fois.",
    ),
    Reason.DISMISSED: (
        "You had not dismissed this offer before.",
        "Vous n'aviez pas écarté cette offre auparavant.",
    ),
    Reason.FREQUENCY_CAP: (
        "You had not received too many offers.",
        "Vous n'aviez pas reçu trop d'offres.",
    ),
    Reason.BUDGET_SPENT: ("The offer was not used up.", "L'offre n'était pas épuisée."),
    Reason.BUDGET_RESERVED: ("The offer was not used up.", "L'offre n'était pas épuisée."),
    Reason.OUTRANKED: (
        "Of the offers for you here, this one came first.",
        "Parmi les offres pour vous ici, celle-ci venait en premier.",
    ),
}
_OTHERWISE: Final = (
    "One more condition of this offer was met.",
    "Une autre condition de l'offre était remplie.",
)
_NOT_MET: Final = ("This condition was not met: ", "Cette condition n'était pas remplie : ")

# How none, one and many of something are said.
_ByNumber = Mapping[SpokenLanguage, tuple[str, str, str]]

_SCOPES: Final[Mapping[str, tuple[str, str]]] = {
    "system": (" in all", " en tout"),
    "each_retailer": (" from this business", " de ce commerce"),
    "retailer": (" from this business", " de ce commerce"),
    "offer": ("", ""),
}
_CHANNELS: Final[Mapping[str, tuple[str, str]]] = {
    "push": (" by notification", " par notification"),
    "inbox": (" in your inbox", " dans votre boîte"),
}
_TAGGED: Final = (' tagged "{tag}"', " avec l'étiquette « {tag} »")
_DATE: Final = {"en": "%Y-%m-%d %H:%M", "fr": "%d/%m/%Y %H:%M"}


def say(rule: Rule, language: SpokenLanguage, time_zone: str) -> str:
    """One sentence for one rule; times are on the customer's clock (`time_zone`)."""
    if not rule.passed and rule.name in NOT_MET:
        return _pick(NOT_MET[rule.name], language)
    try:
        sentence = _with_numbers(rule, language, time_zone)
    except (KeyError, TypeError, ValueError):
        sentence = None
    sentence = sentence or _pick(_ALWAYS.get(rule.name, _OTHERWISE), language)
    return sentence if rule.passed else _pick(_NOT_MET, language) + sentence


def _with_numbers(  # noqa: PLR0911 - one return per rule that has numbers worth saying
    rule: Rule, language: SpokenLanguage, time_zone: str
) -> str | None:
    numbers = rule.numbers
    match rule.name:
        case Reason.AUDIENCE:
            return say_audience(numbers, language)
        case Reason.SITE_CLOSED if numbers.get("only_while_open") is False:
            return _pick(_ANY_HOURS, language)
        case Reason.STALE if numbers.get("was_held"):
            age = say_duration(_number(numbers, "age_s"), language)
            return _pick(_WAITED, language).format(age=age)
        case Reason.STALE:
            return _pick(_AGE, language).format(age=say_duration(_number(numbers, "age_s"), language))
        case Reason.QUIET_HOURS:
            return _say_quiet(numbers, language)
        case Reason.CUSTOMER_LIMIT:
            return _say_limit(numbers, language)
        case Reason.RE_ELIGIBILITY:
            return _say_again(numbers, language)
        case Reason.FREQUENCY_CAP:
            return _say_cap(numbers, language, time_zone)
        case _:
            return None


def _say_quiet(numbers: Numbers, language: SpokenLanguage) -> str:
    if numbers.get("inbox_only"):
        return _pick(_SILENT, language)
    sentence = _NEVER_QUIET if numbers["start"] == numbers["end"] else _QUIET
    clock = str(numbers["clock"])[:5]
    return _pick(sentence, language).format(clock=clock, start=numbers["start"], end=numbers["end"])


def _say_again(numbers: Numbers, language: SpokenLanguage) -> str:
    since = say_duration(_number(numbers, "since_last_s"), language)
    wait = say_duration(_number(numbers, "at_least_s"), language)
    return _pick(_AGAIN, language).format(since=since, wait=wait)


def _say_limit(numbers: Numbers, language: SpokenLanguage) -> str:
    when = _pick(_UNTIL_THEN, language)
    if numbers["days"] is not None:
        when = _count(_LAST_DAYS, numbers["days"], language)
    received = _count(_RECEIVED_THIS, numbers["counted"], language).format(which="")
    return _pick(_LIMIT, language).format(when=when, received=received, allowed=_allowed(numbers, language))


def _say_cap(numbers: Numbers, language: SpokenLanguage, time_zone: str) -> str:
    if numbers.get("ignores_caps"):
        return _pick(_UNCAPPED, language)
    began = wall_time(datetime.fromisoformat(str(numbers["window_start"])), time_zone)
    sentence = _RECEIVED_THIS if numbers["scope"] == "offer" else _RECEIVED
    received = _count(sentence, numbers["counted"], language).format(which=_which(numbers, language))
    when = _pick(_SINCE, language).format(since=f"{began:{_DATE[language]}}")
    return _pick(_LIMIT, language).format(when=when, received=received, allowed=_allowed(numbers, language))


def _which(numbers: Numbers, language: SpokenLanguage) -> str:
    """To which offers a cap is narrowed; traces from before there were channel and tag say neither."""
    tag, channel = numbers.get("tag"), numbers.get("channel")
    tagged = "" if tag is None else _pick(_TAGGED, language).format(tag=tag)
    by_channel = "" if channel is None else _pick(_CHANNELS[str(channel)], language)
    return tagged + by_channel + _pick(_SCOPES[str(numbers["scope"])], language)


def _allowed(numbers: Numbers, language: SpokenLanguage) -> str:
    return _count(_ALLOWED, numbers["at_most"], language)


def _count(forms: _ByNumber, number: object, language: SpokenLanguage) -> str:
    """The form for none, one or many, with `{n}` filled in and `{which}` left."""
    n = int(str(number))
    return forms[language][min(n, 2)].replace("{n}", str(n))


_ANY_HOURS: Final = (
    "The offer holds whether the place is open or not.",
    "L'offre est valable que le lieu soit ouvert ou non.",
)
_AGE: Final = ("You were there {age} before.", "Vous y étiez {age} avant.")
_QUIET: Final = (
    "It was {clock} for you; nothing is sent between {start} and {end}.",
    "Il était {clock} pour vous ; rien n'est envoyé entre {start} et {end}.",
)
_WAITED: Final = (
    "You were there {age} before; the offer waited for the end of your quiet hours.",
    "Vous y étiez {age} avant ; l'offre a attendu la fin de vos heures calmes.",
)
_SILENT: Final = (
    "It was put into your inbox without a notification.",
    "Elle a été déposée dans votre boîte, sans notification.",
)
_NEVER_QUIET: Final = (
    "It was {clock} for you, and you set no quiet hours.",
    "Il était {clock} pour vous, et vous n'avez pas d'heures calmes.",
)
_LIMIT: Final = ("{when} {received}; {allowed}.", "{when}, {received} ; {allowed}.")
_SINCE: Final = ("Since {since}", "Depuis le {since}")
_UNTIL_THEN: Final = ("Until then", "Jusque-là")
_LAST_DAYS: Final[_ByNumber] = {
    "en": ("Just now", "In the last 24 hours", "In the last {n} days"),
    "fr": ("À l'instant", "Ces dernières 24 heures", "Ces {n} derniers jours"),
}
_RECEIVED_THIS: Final[_ByNumber] = {
    "en": (
        "you had not received this offer{which}",
        "you had received this offer{which} once",
        "you had received this offer{which} {n} times",
    ),
    "fr": (
        "vous n'aviez pas reçu cette offre{which}",
        "vous aviez reçu cette offre{which} une fois",
        "vous aviez reçu cette offre{which} {n} fois",
    ),
}
_RECEIVED: Final[_ByNumber] = {
    "en": (
        "you had received no offer{which}",
        "you had received 1 offer{which}",
        "you had received {n} offers{which}",
    ),
    "fr": (
        "vous n'aviez reçu aucune offre{which}",
        "vous aviez reçu 1 offre{which}",
        "vous aviez reçu {n} offres{which}",
    ),
}
_ALLOWED: Final[_ByNumber] = {
    "en": ("none is allowed", "at most 1 is allowed", "at most {n} are allowed"),
    "fr": ("aucune n'est permise", "1 au plus est permise", "{n} au plus sont permises"),
}
_AGAIN: Final = (
    "You last received this offer {since} before; at least {wait} must pass.",
    "Vous aviez reçu cette offre {since} avant ; il faut attendre au moins {wait}.",
)
_UNCAPPED: Final = (
    "The limit on how many offers you receive does not hold for this one.",
    "La limite du nombre d'offres ne vaut pas pour celle-ci.",
)
_UNITS: Final = (
    (86_400, ("{} days", "{} jours")),
    (3_600, ("{} hours", "{} heures")),
    (60, ("{} minutes", "{} minutes")),
    (1, ("{} seconds", "{} secondes")),
)


def say_duration(seconds: float, language: SpokenLanguage) -> str:
    """A duration in the largest unit of which there are at least two."""
    for size, words in _UNITS:
        if seconds >= 2 * size:
            return _pick(words, language).format(round(seconds / size))
    return _pick(("a second", "une seconde"), language)


def _number(numbers: Numbers, name: str) -> float:
    return float(numbers[name] or 0)


def _pick(pair: tuple[str, str], language: SpokenLanguage) -> str:
    return pair[0] if language == "en" else pair[1]
