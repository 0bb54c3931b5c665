"""Where people see an example in their browser, without a call to the tool."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from pydantic import SecretStr

from labelwheel.plugins.argilla.connector import Argilla
from labelwheel.plugins.capabilities import Links
from labelwheel.plugins.connector import Connection, Connector
from labelwheel.plugins.label_studio.connector import LabelStudio
from labelwheel.plugins.testing.fake_tool import FakeConnector

NUMBER = "5f2b3a54-1c1f-4c52-8a4e-0d6c1d1f3b11"


def link(
    connector: type[Connector], place: str, key: str, text: str = "", labelled: bool = False, **options: Any
) -> str | None:
    connection = Connection(
        tool=connector.tool, url="http://localhost:1/there/", api_key=SecretStr("k"), project=place, options=options
    )
    made = connector(connection)
    assert isinstance(made, Links)
    return made.link(key, {"subject": "a", "body": text} if text else {}, labelled)


def test_a_task_opens_in_the_data_manager() -> None:
    assert link(LabelStudio, "7", "12") == "http://localhost:1/there/projects/7/data?task=12"
    assert link(LabelStudio, "A title", "1&x", project=9) == "http://localhost:1/there/projects/9/data?task=1%26x"
    assert link(LabelStudio, "A title", "12") is None, "its number is not known before it was wired"


def test_a_record_opens_its_dataset() -> None:
    assert (
        link(Argilla, "me/data", "r1", dataset=NUMBER) == f"http://localhost:1/there/dataset/{NUMBER}/annotation-mode"
    )
    assert link(Argilla, "me/data", "r1") is None
    assert link(Argilla, "me/data", "r1", "the text") is None


def search(text: str, labelled: bool = False) -> dict[str, list[str]]:
    found = link(Argilla, "me/data", "r1", text, labelled, dataset=NUMBER)
    address, _, asked = str(found).partition("?")
    assert address == f"http://localhost:1/there/dataset/{NUMBER}/annotation-mode"
    return parse_qs(asked)


def test_a_record_is_searched_for_by_the_words_of_its_longest_text() -> None:
    said = "Don't move: “the parcel” (no. 7) -late is_at a/b ünder +49 the|door, or AND here…"
    assert search(said) == {"search": ["Don't_move_the_parcel_no_7_ünder_or_AND_here~all"], "status": ["pending"]}
    assert search("a word", labelled=True) == {"search": ["a_word~all"], "status": ["submitted"]}
    assert search(f"Play {'x' * 65} {'y' * 64}")["search"] == [f"Play_{'y' * 64}~all"]
    assert search("word " * 5000)["search"] == ["_".join(["word"] * 12) + "~all"]


def test_a_text_of_no_words_opens_the_dataset() -> None:
    assert search(":-) +/- ~") == {}


def test_a_connector_of_ones_own_may_have_it() -> None:
    assert link(FakeConnector, "1", "a b") == "http://localhost:1/there//1/a%20b"
