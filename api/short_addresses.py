"""Addresses that the router cannot tell from others, and the longer ones that they stand for.

Everything below `/v1/sites/` is an external id to it, slashes included; so what a site has by its number is
routed below `/v1/sites/by-id/`, and may be read without `by-id`. Writing there still means an external id.
"""

import re
from typing import Final

_MENUS_OF_A_SITE: Final = re.compile(r"/v1/sites/(\d+)/menus/?")


def routed(method: str, path: str) -> str:
    """The path by which the router finds the handler."""
    if method == "GET" and (found := _MENUS_OF_A_SITE.fullmatch(path)):
        return f"/v1/sites/by-id/{found[1]}/menus"
    return path
