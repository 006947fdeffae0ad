"""Payments: money that a person pays a business through a provider, once, and gets back, at most as much.

`payments` writes what is asked for, in the caller's transaction; after its COMMIT the `cashier` asks the
provider and writes state, ledger and consequences in one transaction of its own; `reconciling` finishes
what a crash or a silence left open. `states` are the rules, `ledger` the books, `port` what a provider
can do; `sandbox` and `stripe_intents` are the two providers there are. docs/guides/payments.md.

Who pays for what, and what follows from it, is the subject's: `Cashier.register` takes its hook.
"""
