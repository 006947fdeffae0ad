"""The recount: was any promise broken, of consent, caps, quiet hours, budgets, money, and all the rest?

Written from the specification alone, against the simulator's own journal and what the API answered.
It looks for proof: where two requests raced and either order would have been right, nothing is
reported.
"""

from simulator.journal import Journal
from simulator.recount.budgets import broken_budgets
from simulator.recount.caps import broken_caps
from simulator.recount.consents import broken_consents
from simulator.recount.erasure import broken_erasures
from simulator.recount.holdouts import broken_holdouts
from simulator.recount.holds import broken_holds
from simulator.recount.minors import broken_protection_of_minors
from simulator.recount.parking import broken_charges, broken_ledger
from simulator.recount.quiet import broken_quiet_hours
from simulator.recount.retriggers import broken_retriggers
from simulator.recount.rules import KINDS, Cap, OfferRules, Rules, Violation

__all__ = ["KINDS", "Cap", "OfferRules", "Rules", "Violation", "recount"]


def recount(journal: Journal, rules: Rules) -> list[Violation]:
    """Every violation, each with one line that explains it. Empty is what one hopes for."""
    return [
        *broken_consents(journal, rules),
        *broken_caps(journal, rules),
        *broken_quiet_hours(journal, rules),
        *broken_budgets(journal, rules),
        *broken_holds(journal, rules),
        *broken_holdouts(journal, rules),
        *broken_retriggers(journal, rules),
        *broken_protection_of_minors(journal, rules),
        *broken_erasures(journal),
        *broken_charges(journal),
        *broken_ledger(journal),
    ]
