"""Whom an offer is for: its audience rules, and what they may be asked about.

Everything but the language is personalisation: it is asked only of people who consented to that, and
of the others the answer is not known. What "not known" counts as, the offer says. Owns the rules;
loading visits and attributes is the engine's.
"""

from collections.abc import Iterator
from datetime import datetime

from offers.consent import may_personalise
from offers.terms import Audience, Offer, Person, Reason, Rule
from offers.visits import days_since, visits_before

Number = str | int | float | bool | None


def audience_rules(offer: Offer, person: Person, crossed_at: datetime) -> tuple[Rule, ...]:
    """What each rule of the offer's audience says of who crossed then; all must pass."""
    audience = offer.audience
    rules = list(_language(audience, person))
    if audience.is_personal:
        if may_personalise(person.grants):
            rules += _interests(audience, person)
            rules += _visits(audience, person, offer.retailer_id, crossed_at)
            rules += _attributes(audience, person, offer.retailer_id)
        else:
            rules.append(_not_known(audience, "personalisation"))
    return tuple(rules)


def _language(audience: Audience, person: Person) -> Iterator[Rule]:
    if audience.languages:
        spoken = person.language.partition("-")[0].lower()
        yield _rule("language", spoken in audience.languages, language=spoken)


def _interests(audience: Audience, person: Person) -> Iterator[Rule]:
    if audience.interests:
        shared = sorted(person.interests.intersection(audience.interests))
        yield _rule("interests", bool(shared), shared=", ".join(shared))


def _visits(audience: Audience, person: Person, retailer_id: int, crossed_at: datetime) -> Iterator[Rule]:
    if not audience.asks_for_visits:
        return
    visits = visits_before((person.visits or {}).get(retailer_id, ()), crossed_at)
    least, most = audience.visits_at_least, audience.visits_at_most
    if least is not None or most is not None:
        yield _rule(
            "visits", _is_between(len(visits), least, most), counted=len(visits), at_least=least, at_most=most
        )
    least, most = audience.last_visit_days_at_least, audience.last_visit_days_at_most
    if least is not None or most is not None:
        since = days_since(visits[-1], crossed_at) if visits else None
        # Who never came has stayed away for longer than any number of days.
        is_met = _is_between(since, least, most) if since is not None else most is None
        yield _rule("last_visit", is_met, days_since=since, at_least=least, at_most=most)


def _attributes(audience: Audience, person: Person, retailer_id: int) -> Iterator[Rule]:
    said = (person.attributes or {}).get(retailer_id, {})
    for name, wanted in sorted(audience.attributes.items()):
        value = said.get(name)
        if value is None:
            yield _not_known(audience, name)
        else:
            yield _rule("attribute", value in wanted, attribute=name, value=value)


def _not_known(audience: Audience, what: str) -> Rule:
    is_included = audience.if_not_known == "include"
    return _rule("not_known", is_included, not_known=what, if_not_known=audience.if_not_known)


def _rule(about: str, passed: bool, **numbers: Number) -> Rule:
    return Rule(name=Reason.AUDIENCE, passed=passed, numbers={"about": about, **numbers})


def _is_between(number: int, least: int | None, most: int | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)
