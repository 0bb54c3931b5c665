"""What can be said about an address before Label Studio is asked."""

import pytest

from plugins.connector import Service
from plugins.errors import AddressRefused
from plugins.label_studio.wiring import wire


class Asked(Exception):
    pass


class Project:
    """Label Studio is reached only by who gets past the check."""

    def get(self):
        raise Asked


@pytest.mark.parametrize("url", ["http://wheel:9090", "http://web", "https://wheel/labels"])
def test_a_host_without_a_dot_is_refused_before_anything_is_changed(url):
    with pytest.raises(AddressRefused, match="needs a dot"):
        wire(Project(), {}, Service(url=url), "v1")


@pytest.mark.parametrize(
    "url", ["http://localhost:9090", "http://127.0.0.1:9090", "http://[::1]:9090", "https://wheel.example.org/x"]
)
def test_other_hosts_are_for_label_studio_to_judge(url):
    with pytest.raises(Asked):
        wire(Project(), {}, Service(url=url), "v1")
