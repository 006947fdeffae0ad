"""What the transparency answer says, in English and French. Owns the sentences only."""

from collections.abc import Mapping
from typing import Final

from offers.handing.plain_words import SpokenLanguage
from offers.periods import (
    CROSSINGS_KEPT_DAYS,
    DELIVERIES_KEPT_DAYS,
    LEFT_CUSTOMERS_KEPT,
    PAYMENTS_KEPT,
    REASONS_KEPT_DAYS,
    REVOKED_DEVICES_KEPT,
)
from offers.terms import (
    DIETARY,
    LOCATION_OFFERS,
    LOCATION_PARKING,
    MARKETING,
    MEASUREMENT,
    PERSONALISATION,
)

Words = Mapping[SpokenLanguage, str]

# By what is known: a sentence with the numbers and words it needs.
KNOWN: Final[Mapping[str, Words]] = {
    "choices": {
        "en": "What you chose: time zone {time_zone}, language {language}, {interests} interests,"
        " age group “{age_band}”.",
        "fr": "Ce que vous avez choisi : fuseau {time_zone}, langue {language},"
        " {interests} centres d'intérêt, tranche d'âge « {age_band} ».",
    },
    "phones": {
        "en": "{count} phones or browsers of yours, with the names you gave them.",
        "fr": "{count} téléphones ou navigateurs à vous, avec les noms que vous leur avez donnés.",
    },
    "whereabouts": {
        "en": "Where you are now, as the last position of {count} of your phones; no earlier position.",
        "fr": "Où vous êtes maintenant : la dernière position de {count} de vos téléphones ;"
        " aucune position antérieure.",
    },
    "crossings": {
        "en": f"{{count}} times that you came to a place, stayed or left, in the last {CROSSINGS_KEPT_DAYS}"
        " days.",
        "fr": f"{{count}} arrivées, séjours ou départs dans un lieu, ces {CROSSINGS_KEPT_DAYS} derniers"
        " jours.",
    },
    "deliveries": {
        "en": "{count} offers you were given, and what became of them.",
        "fr": "{count} offres reçues, et ce qu'elles sont devenues.",
    },
    "redemptions": {"en": "{count} offers you used.", "fr": "{count} offres utilisées."},
    "answers": {
        "en": "{count} answers you gave to a request for consent.",
        "fr": "{count} réponses à une demande de consentement.",
    },
    "diet": {
        "en": "{count} allergies and diets that you asked us to keep; no business sees them.",
        "fr": "{count} allergies et régimes que vous nous avez demandé de conserver ; aucun commerce ne les"
        " voit.",
    },
    "cars": {
        "en": "{count} number plates of yours, encrypted.",
        "fr": "{count} plaques d'immatriculation à vous, chiffrées.",
    },
    "parking": {
        "en": "{count} times that you parked, where, when and for how much; no business learns who you are.",
        "fr": "{count} stationnements, où, quand et à quel prix ; aucun exploitant n'apprend qui vous êtes.",
    },
    "payments": {
        "en": "{count} payments, without your card: that stays with the payment service.",
        "fr": "{count} paiements, sans votre carte : elle reste chez le prestataire de paiement.",
    },
    "looks": {
        "en": "{count} times that an administrator looked at your file.",
        "fr": "{count} consultations de votre dossier par un administrateur.",
    },
}
# By purpose: what the answer allows.
PURPOSES: Final[Mapping[str, Words]] = {
    LOCATION_OFFERS: {
        "en": "using your location for offers around you",
        "fr": "utiliser votre position pour les offres autour de vous",
    },
    LOCATION_PARKING: {
        "en": "using your location for parking",
        "fr": "utiliser votre position pour le stationnement",
    },
    PERSONALISATION: {
        "en": "choosing offers by your interests",
        "fr": "choisir les offres selon vos intérêts",
    },
    MEASUREMENT: {
        "en": "counting whether offers bring people in",
        "fr": "mesurer si les offres font venir",
    },
    DIETARY: {
        "en": "keeping your allergies and diets, to choose menus for you",
        "fr": "conserver vos allergies et régimes, pour choisir des menus pour vous",
    },
    MARKETING: {"en": "sending you offers ({channel})", "fr": "vous envoyer des offres ({channel})"},
}
CHANNELS: Final[Mapping[str, Words]] = {
    "push": {"en": "notifications", "fr": "notifications"},
    "inbox": {"en": "inbox", "fr": "boîte de réception"},
}
OPERATOR: Final[Words] = {"en": "Operator of this service", "fr": "Exploitant de ce service"}
SAID_YES: Final[Words] = {"en": "You said yes to {purpose}.", "fr": "Vous avez accepté de laisser {purpose}."}
SAID_NO: Final[Words] = {
    "en": "You said no to {purpose}, or took it back.",
    "fr": "Vous avez refusé de laisser {purpose}, ou êtes revenu sur votre accord.",
}

_LEFT_DAYS: Final = LEFT_CUSTOMERS_KEPT.days
_REVOKED_DAYS: Final = REVOKED_DEVICES_KEPT.days
# Settings of the operator that the sentences below name.
PERIODS: Final = ("dormant_after_months", "ledger_kept_years", "parking_kept_months", "plates_kept_months")
# By what is kept: for how long.
KEPT: Final[Mapping[str, Words]] = {
    "positions": {
        "en": "Positions are not kept: only the last, until you take back your consent.",
        "fr": "Les positions ne sont pas conservées : seulement la dernière, jusqu'au retrait de votre"
        " accord.",
    },
    "crossings": {
        "en": f"Places you entered and left: {CROSSINGS_KEPT_DAYS} days.",
        "fr": f"Les lieux où vous êtes entré et dont vous êtes sorti : {CROSSINGS_KEPT_DAYS} jours.",
    },
    "reasons": {
        "en": f"Why you were given an offer: {REASONS_KEPT_DAYS} days.",
        "fr": f"Pourquoi une offre vous a été donnée : {REASONS_KEPT_DAYS} jours.",
    },
    "deliveries": {
        "en": f"Offers you were given: {DELIVERIES_KEPT_DAYS} days; of an offer that still runs, after that"
        " only which one and when, so that its limits hold.",
        "fr": f"Les offres reçues : {DELIVERIES_KEPT_DAYS} jours ; pour une offre encore en cours, ensuite"
        " seulement laquelle et quand, afin que ses limites tiennent.",
    },
    "diet": {
        "en": "Allergies and diets: until you change or erase them, or take back your consent.",
        "fr": "Allergies et régimes : jusqu'à ce que vous les changiez ou les effaciez, ou reveniez sur"
        " votre accord.",
    },
    "parking": {
        "en": "Where you parked: {parking_kept_months} months; a plate that you do not park with any more:"
        " {plates_kept_months} months.",
        "fr": "Vos stationnements : {parking_kept_months} mois ; une plaque avec laquelle vous ne vous garez"
        " plus : {plates_kept_months} mois.",
    },
    "payments": {
        "en": f"Payments: {PAYMENTS_KEPT.days} days; after that, for the books, amounts without your name or"
        " number, {ledger_kept_years} years.",
        "fr": f"Les paiements : {PAYMENTS_KEPT.days} jours ; ensuite, pour la comptabilité, des montants sans"
        " votre nom ni votre numéro, {ledger_kept_years} ans.",
    },
    "phones": {
        "en": f"A phone that you revoked: {_REVOKED_DAYS} days.",
        "fr": f"Un téléphone que vous avez révoqué : {_REVOKED_DAYS} jours.",
    },
    "account": {
        "en": f"Everything else: until you erase it, {_LEFT_DAYS} days after your last phone was revoked, or"
        " {dormant_after_months} months after we last heard of you.",
        "fr": f"Tout le reste : jusqu'à ce que vous l'effaciez, {_LEFT_DAYS} jours après la révocation de"
        " votre dernier téléphone, ou {dormant_after_months} mois après votre dernier signe de vie.",
    },
    "proofs": {
        "en": "After that, without your name or number: that consent was given, 5 years; that an offer was"
        " used, {ledger_kept_years} years.",
        "fr": "Après cela, sans votre nom ni votre numéro : qu'un accord a été donné, 5 ans ; qu'une offre a"
        " été utilisée, {ledger_kept_years} ans.",
    },
}
# By what can be done about it.
TAKE_BACK: Final[Mapping[str, Words]] = {
    "withdraw_one": {"en": "Take back: {purpose}.", "fr": "Revenir sur : {purpose}."},
    "withdraw_all": {
        "en": "Take back everything you agreed to, in one tap.",
        "fr": "Revenir sur tous vos accords, en un geste.",
    },
    "correct": {
        "en": "Correct what you chose: zone, language, quiet hours, interests, age group.",
        "fr": "Corriger vos choix : fuseau, langue, heures calmes, centres d'intérêt, tranche d'âge.",
    },
    "export": {
        "en": "Get a copy of everything, for yourself or another service.",
        "fr": "Obtenir une copie de tout, pour vous ou pour un autre service.",
    },
    "erase": {
        "en": "Erase everything, at once and for good.",
        "fr": "Tout effacer, aussitôt et pour toujours.",
    },
}
# By what outlives an erasure.
OUTLIVES: Final[Mapping[str, Words]] = {
    "consents": {
        "en": "That you said yes or no, to what, on which day: 5 years, under a code that does not lead to"
        " you.",
        "fr": "Que vous avez dit oui ou non, à quoi, quel jour : 5 ans, sous un code qui ne mène pas à vous.",
    },
    "redemptions": {
        "en": "That an offer was used, on which day: {years} years, under the same kind of code.",
        "fr": "Qu'une offre a été utilisée, quel jour : {years} ans, sous le même genre de code.",
    },
    "payments": {
        "en": "What was paid and given back, on which day: {years} years, under the same kind of code.",
        "fr": "Ce qui a été payé et rendu, quel jour : {years} ans, sous le même genre de code.",
    },
    "counts": {
        "en": "How many offers were given and used in all: numbers without people.",
        "fr": "Combien d'offres ont été données et utilisées en tout : des nombres sans personnes.",
    },
}
COMPLAINT: Final[Words] = {
    "en": "You can complain to your data protection authority, in France the CNIL (cnil.fr).",
    "fr": "Vous pouvez adresser une réclamation à votre autorité de protection des données, en France la CNIL"
    " (cnil.fr).",
}
