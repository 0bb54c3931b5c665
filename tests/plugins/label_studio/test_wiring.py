"""What can be said about an address before Label Studio is asked."""

import base64

import pytest
from pydantic import SecretStr

from labelwheel.plugins.connector import Service
from labelwheel.plugins.errors import AddressRefused
from labelwheel.plugins.label_studio.wiring import _credentials, _headers, wire


def service(url):
    return Service(url=url, predict_secret=SecretStr("lwt_predict"), webhook_secret=SecretStr("lwt_webhook"))


class Asked(Exception):
    pass


class Project:
    """Label Studio is reached only by who gets past the check."""

    def get(self):
        raise Asked


@pytest.mark.parametrize("url", ["http://wheel:9090", "http://web", "https://wheel/labels"])
def test_a_host_without_a_dot_is_refused_before_anything_is_changed(url):
    with pytest.raises(AddressRefused, match="needs a dot"):
        wire(Project(), {}, service(url), "v1")


@pytest.mark.parametrize(
    "url", ["http://localhost:9090", "http://127.0.0.1:9090", "http://[::1]:9090", "https://wheel.example.org/x"]
)
def test_other_hosts_are_for_label_studio_to_judge(url):
    with pytest.raises(Asked):
        wire(Project(), {}, service(url), "v1")


def test_the_password_of_the_model_is_not_in_the_headers_that_everybody_reads():
    given = service("http://wheel.example")
    assert _credentials(given)["basic_auth_pass"] == "lwt_predict"
    scheme, _, pair = _headers(given)["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair)) == ("Basic", b"labelwheel:lwt_webhook")
