"""One address may hold so many connections, this machine and trusted proxies any number."""

import pytest
from pydantic import ValidationError

from labelwheel.backend.networks import networks
from labelwheel.backend.processes.peers import Peers
from labelwheel.backend.settings import Settings


def test_an_address_has_its_share_and_what_it_closes_is_free_again():
    peers = Peers(2)
    first, second = peers.enter("192.0.2.7"), peers.enter("192.0.2.7")
    assert peers.enter("192.0.2.7") is None
    assert peers.enter("192.0.2.8") is not None
    peers.leave(first)
    assert peers.enter("192.0.2.7") == second


def test_what_is_one_customers_is_one_address():
    peers = Peers(1)
    assert peers.enter("2001:db8::1")
    assert peers.enter("2001:db8::ffff:1") is None
    assert peers.enter("2001:db8:0:1::1")
    assert peers.enter("192.0.2.7")
    assert peers.enter("::ffff:192.0.2.7") is None
    assert peers.enter("fe80::1%eth0")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.7", "10.1.2.3", "2001:db8::5", ""])
def test_this_machine_and_trusted_proxies_hold_any_number(address):
    peers = Peers(1, networks("10.0.0.7, 10.1.0.0/16,2001:db8::/32"))
    for _ in range(5):
        peers.leave(name := peers.enter(address))
        assert name == ""


def test_nothing_is_kept_of_those_who_left():
    peers = Peers(3)
    for number in range(256):
        peers.leave(peers.enter(f"192.0.2.{number}"))
    assert not peers._open


def test_a_setting_that_is_no_address_is_told_at_start():
    with pytest.raises(ValidationError, match="no address or network"):
        Settings(trusted_proxies="10.0.0.7, proxy.example")
