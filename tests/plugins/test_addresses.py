"""What an address may look like, and where it may lead."""

from __future__ import annotations

import pytest

from labelwheel.plugins.addresses import allow, check_allowed, checked, shown
from labelwheel.plugins.errors import InvalidAddress


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "https://label.example.org/label-studio/",
        "http://label_studio:8080",
        "http://[::1]:8080",
        "http://0.0.0.0:6900",
        "https://étiquettes.example",
        "http://10.1.2.3",
    ],
)
def test_base_addresses(url: str) -> None:
    assert checked(f" {url} ") == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://intern.test/secret?x=",
        "http://intern.test/secret#",
        "http://intern.test?",
        "http://user:word@host",
        "http://host@evil.test",
        "ftp://host",
        "file:///etc/passwd",
        "http://",
        "nonsense",
        "http://host:0",
        "http://host:99999",
        "http://[::1",
        "http://host/a/../b",
        "http://host/a b",
        "http://host/%2e%2e/b",
        "http://host\\@evil.test",
        "http://ho st",
        "http://169.254.169.254",
        "http://2852039166/latest",
        "http://0xa9fea9fe",
        "http://[::ffff:169.254.169.254]",
        "http://[fe80::1]",
        "http://host;x=1",
        "http://host/a\nb",
    ],
)
def test_what_is_none(url: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        checked(url)
    assert "word" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "inside", "outside"),
    [
        ("", ["http://anywhere.test:1"], []),
        (
            "https://label.example.org, http://10.0.0.5:8080/",
            ["https://label.example.org/ls", "https://LABEL.example.org:443", "http://10.0.0.5:8080"],
            ["http://label.example.org", "https://label.example.org:8443", "http://10.0.0.5", "https://x.example.org"],
        ),
        (
            "*.example.org, localhost:8080",
            ["http://a.example.org:99", "https://a.b.example.org", "http://localhost:8080"],
            ["https://example.org", "https://evilexample.org", "http://localhost", "https://a.example.org.evil.test"],
        ),
    ],
)
def test_only_what_the_setting_names_is_allowed(setting: str, inside: list[str], outside: list[str]) -> None:
    places = allow(setting)
    for url in inside:
        check_allowed(url, places)
    for url in outside:
        with pytest.raises(InvalidAddress, match="LABELWHEEL_TOOL_ADDRESSES"):
            check_allowed(url, places)


@pytest.mark.parametrize("setting", ["ftp://x", "https://", "a b", "https://host/path", "host:port", "http://h?q"])
def test_a_setting_that_makes_no_sense_is_refused(setting: str) -> None:
    with pytest.raises(InvalidAddress):
        allow(setting)


def test_a_message_shows_no_secret_of_an_address() -> None:
    assert shown("https://user:word@host:1/path?token=2#3") == "'https://host:1/path'"
    assert shown("http://[::1") == "what was given"
    assert len(shown("http://" + "x" * 5000)) < 210
