"""No offer is given more often than its budget, or redeemed beyond its stock; no code works twice."""

from collections import Counter
from collections.abc import Iterator

from simulator.journal import Journal
from simulator.recount.rules import Rules, Violation


def broken_budgets(journal: Journal, rules: Rules) -> Iterator[Violation]:
    """Offers whose deliveries or redemptions are more than they had, and codes accepted twice."""
    given = Counter(seen.delivery.offer_id for seen in journal.seen.values())
    redeemed = Counter(redemption.offer_id for redemption in journal.redemptions.values())
    for offer_id, limits in sorted(rules.offers.items()):
        if limits.deliveries is not None and given[offer_id] > limits.deliveries:
            text = f"was delivered {given[offer_id]} times with a budget of {limits.deliveries}"
            yield Violation("budget", f"offer {offer_id} {text}")
        if limits.redemptions is not None and redeemed[offer_id] > limits.redemptions:
            text = f"was redeemed {redeemed[offer_id]} times with a stock of {limits.redemptions}"
            yield Violation("budget", f"offer {offer_id} {text}")
    for code, times in sorted(Counter(r.code for r in journal.redemptions.values()).items()):
        if times > 1:
            yield Violation("budget", f"code {code} was redeemed {times} times")
