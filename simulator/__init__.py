"""A city of phones with known ground truth.

A black-box client: everything here speaks to Alentour over HTTP and imports none of its packages,
so that it cannot share a bug with what it tests.
"""
