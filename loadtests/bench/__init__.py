"""`make bench`: the main path beside two baselines, in one run, on one machine, on real rows."""
