"""What can be said about an address before Label Studio is asked."""

import base64

import pytest
from pydantic import SecretStr

from labelwheel.plugins.connector import Service
from labelwheel.plugins.errors import AddressRefused
from labelwheel.plugins.label_studio.wiring import _credentials, _headers, announce, wire


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


class Backends:
    """Label Studio as far as it keeps ML backends and webhooks of one project."""

    id = 5
    url = "http://tool.test"

    def __init__(self):
        self.client = self
        self.kept = {"/api/ml": [], "/api/webhooks/": []}
        self.settings = {"show_collab_predictions": True, "model_version": "v0"}

    def get(self, path=None, params=None, timeout=None):
        return dict(self.settings) if path is None else [dict(each) for each in self.kept[path]]

    def patch(self, **settings):
        self.settings |= settings

    def send(self, method, path, body=None, timeout=None):
        place = "/api/ml" if path.startswith("/api/ml") else "/api/webhooks/"
        if method == "POST":
            self.kept[place].append({"id": len(self.kept[place]) + 1, "is_interactive": False, **body})
            return self.kept[place][-1]
        [found] = [each for each in self.kept[place] if str(each["id"]) == path.strip("/").split("/")[-1]]
        found |= body
        return found

    @property
    def interactive(self):
        [backend] = self.kept["/api/ml"]
        return backend["is_interactive"]


def test_interactive_annotation_is_offered_once():
    """Whoever switches it off in Label Studio finds it so, whatever happens here."""
    project = Backends()
    options = wire(project, {}, service("http://wheel.example"), "v1")
    assert project.interactive
    project.kept["/api/ml"][0]["is_interactive"] = False
    assert wire(project, options, service("http://wheel.example"), "v2") == options
    announce(project, options, "v3")
    assert (project.interactive, project.kept["/api/ml"][0]["title"]) == (False, "v3")


def test_projects_that_were_connected_before_get_it_with_the_next_version():
    project = Backends()
    options = wire(project, {}, service("http://wheel.example"), "v1")
    earlier = {key: value for key, value in options.items() if key != "interactive"}
    project.kept["/api/ml"][0]["is_interactive"] = False
    announce(project, earlier, "v1")
    assert not project.interactive, "nothing is due"
    announce(project, earlier, "v2")
    assert project.interactive
    project.kept["/api/ml"][0]["is_interactive"] = False
    assert wire(project, earlier, service("http://wheel.example"), "v2") == options
    assert project.interactive
