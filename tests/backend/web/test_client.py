import socket

import pytest
import requests_mock
from pydantic import SecretStr

from labelwheel.backend.errors import ServiceUnreachable, Unauthorized
from labelwheel.backend.web.client import Client, ServiceError

URL = "http://wheel.test:9090"


@pytest.fixture
def http():
    with requests_mock.Mocker() as mocker:
        yield mocker


def test_the_token_goes_along_and_nothing_else(http, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test")
    http.get(f"{URL}/api/v1/status", json={"projects": []})
    Client(f"{URL}/", SecretStr("a-secret")).status()
    assert http.last_request.headers["Authorization"] == "Bearer a-secret"
    assert not http.last_request.proxies


def test_names_of_questions_are_quoted(http):
    http.post(f"{URL}/api/v1/projects/3/questions/tone%2Fvoice%3F%20%C3%BC/train", json={"id": 1})
    assert Client(URL).train(3, "tone/voice? ü") == {"id": 1}


def test_what_the_service_says_is_said(http):
    http.get(f"{URL}/api/v1/status", status_code=409, json={"error": {"type": "Conflict", "message": "not now"}})
    with pytest.raises(ServiceError, match=r"^not now$") as caught:
        Client(URL).status()
    assert (caught.value.status, caught.value.kind) == (409, "Conflict")


def test_missing_credentials_are_named(http):
    http.get(f"{URL}/api/v1/status", status_code=401, json={"error": {"type": "Unauthorized", "message": "x"}})
    with pytest.raises(Unauthorized, match="LABELWHEEL_TOKEN"):
        Client(URL).status()


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>nginx</html>"},
        {"json": [1]},
        {"status_code": 502, "text": "<html>bad gateway</html>"},
        {"status_code": 404, "json": {"detail": "not found"}},
        {"status_code": 302, "headers": {"Location": "https://elsewhere.test"}},
    ],
)
def test_another_server_at_that_address_is_noticed(http, answer):
    http.get(f"{URL}/api/v1/status", **answer)
    with pytest.raises(ServiceUnreachable, match="LABELWHEEL_URL"):
        Client(URL).status()


def test_nobody_there_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ServiceUnreachable, match=r"connection refused.*labelwheel serve") as caught:
            Client(f"http://127.0.0.1:{taken.getsockname()[1]}").status()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://[::1"])
def test_an_address_that_is_none_is_one_line(url):
    with pytest.raises(ServiceUnreachable, match="LABELWHEEL_URL"):
        Client(url).status()
