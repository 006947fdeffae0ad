"""What a rule says that was not met, where that is more than its sentence with a "not" before it.

Owns the sentences only, in English and French; those of rules that were met, and all that tell numbers,
are in `offers.handing.plain_words`.
"""

from collections.abc import Mapping
from typing import Final

from offers.terms import Reason

NOT_MET: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.STOPPED: ("The business stopped this offer.", "Le commerce a arrêté cette offre."),
    Reason.NOT_ACTIVE: ("The offer is not switched on.", "L'offre n'est pas active."),
    Reason.FENCE_INACTIVE: (
        "The business gives no offers at this place at this time.",
        "Le commerce ne propose pas d'offres dans ce lieu à cette heure.",
    ),
    Reason.NOT_SCHEDULED: (
        "The offer does not run at this time.",
        "L'offre n'est pas valable à ce moment.",
    ),
    Reason.SITE_CLOSED: (
        "The place was closed, or its opening hours are not known.",
        "Le lieu était fermé, ou ses horaires ne sont pas connus.",
    ),
    Reason.NO_CONSENT: (
        "You have not said yes to offers based on where you are, or to offers from this business.",
        "Vous n'avez pas accepté les offres selon votre position, ou les offres de ce commerce.",
    ),
    Reason.MINOR: (
        "You did not tell us that you are an adult; offers are for adults.",
        "Vous n'avez pas indiqué être majeur ; les offres sont pour les majeurs.",
    ),
    Reason.NOT_PRESENT: (
        "You were not there any more when it could have been given.",
        "Vous n'y étiez plus au moment où elle aurait pu être donnée.",
    ),
    Reason.HOLDOUT: (
        "Some people, drawn by lot, are not given it, to learn what it does; you are among them.",
        "Quelques personnes tirées au sort ne la reçoivent pas, pour mesurer son effet ; vous en êtes.",
    ),
    Reason.DISMISSED: (
        "You dismissed this offer, or wanted less like it.",
        "Vous avez écarté cette offre, ou demandé moins d'offres comme elle.",
    ),
    Reason.BUDGET_SPENT: ("The offer was used up.", "L'offre était épuisée."),
    Reason.BUDGET_RESERVED: (
        "The last of these offers were about to be given to others.",
        "Les dernières de ces offres étaient sur le point d'être données à d'autres.",
    ),
    Reason.OUTRANKED: (
        "Of the offers for you here, another one came first.",
        "Parmi les offres pour vous ici, une autre venait en premier.",
    ),
}
