"""The recount: did any delivery break consent, a cap, quiet hours or a budget?

Written from the specification alone, against the simulator's own journal and what the API answered.
It looks for proof: where two requests raced and either order would have been right, nothing is
reported.
"""

from simulator.journal import Journal
from simulator.recount.budgets import broken_budgets
from simulator.recount.caps import broken_caps
from simulator.recount.consents import broken_consents
from simulator.recount.quiet import broken_quiet_hours
from simulator.recount.rules import KINDS, Cap, OfferRules, Rules, Violation

__all__ = ["KINDS", "Cap", "OfferRules", "Rules", "Violation", "recount"]


def recount(journal: Journal, rules: Rules) -> list[Violation]:
    """Every violation, each with one line that explains it. Empty is what one hopes for."""
    return [
        *broken_consents(journal, rules),
        *broken_caps(journal, rules),
        *broken_quiet_hours(journal, rules),
        *broken_budgets(journal, rules),
    ]
