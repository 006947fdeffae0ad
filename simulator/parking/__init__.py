"""Drivers: where they park, how they pay, and whether the server asked the right ones.

Speaks to the server as `simulator` does: by its public description alone.
"""
