"""Whose address counts: the socket's, unless the operator trusts the proxy that says otherwise."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from api.addresses import Addresses
from api.settings import Settings
from tests.http.edge.asking import Open

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48")]


def read(peer: str | None, *forwarded: str, trusted: bool = True) -> str:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    scope = {"client": (peer, 5000) if peer is not None else None, "headers": headers}
    return Addresses(PROXIES if trusted else []).of(scope)


def test_without_trusted_proxies_the_header_is_nobodys_word() -> None:
    assert read("203.0.113.9", "198.51.100.1", trusted=False) == "203.0.113.9"
    assert read("203.0.113.9", "198.51.100.1") == "203.0.113.9", "not one of our proxies"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        (["6.6.6.6", "198.51.100.1, 10.1.1.1"], "198.51.100.1"),
        (["10.2.2.2, 10.1.1.1"], "10.2.2.2"),
        (["6.6.6.6, nonsense, 10.1.1.1"], "10.1.1.1"),
        (["nonsense"], "10.0.0.1"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
        (["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        (["[2001:db8:1:2::1]"], "2001:db8:1:2::/64"),
        (["\xff\xfe"], "10.0.0.1"),
    ],
)
def test_behind_a_trusted_proxy_it_is_the_last_address_that_is_none_of_ours(
    forwarded: list[str], client: str
) -> None:
    assert read("10.0.0.1", *forwarded) == client


def test_a_subscriber_is_one_address_whichever_of_their_own_they_take() -> None:
    assert read("2001:db8:1:2::1") == read("2001:db8:1:2:ffff::2") != read("2001:db8:1:3::1")


def test_an_ipv4_client_of_an_ipv6_socket_is_what_it_is() -> None:
    assert read("::ffff:203.0.113.9") == "203.0.113.9"
    assert read("::ffff:10.0.0.1", "198.51.100.1") == "198.51.100.1"


def test_a_client_without_an_address_is_one_too() -> None:
    assert read(None) == ""
    assert read("testclient") == "testclient"


async def test_phones_behind_our_proxy_are_told_apart(open_app: Open) -> None:
    proxies = Settings.from_environment({"ALENTOUR_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"}).trusted_proxies
    client = await open_app(rate_address_per_s=1, rate_address_burst=1, trusted_proxies=proxies)
    new = {"installation_id": "an-installation-of-a-phone", "platform": "ios"}

    async def status(address: str) -> int:
        answer = await client.post("/v1/devices", json=new, headers={"x-forwarded-for": address})
        return answer.status_code

    assert await status("198.51.100.1") == 201
    assert await status("198.51.100.1") == 429
    assert await status("6.6.6.6, 198.51.100.1") == 429
    assert await status("198.51.100.2") == 200
