"""What may be said to whom, and when.

The modules on this level are the rules: pure functions of plain values (`terms`). Around them:
`engine` (a fix becomes an offer), `people` (customers, devices, consents), `retail` (what retailers
define) and `handing` (what people get to see).
"""
