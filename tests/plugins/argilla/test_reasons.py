"""The words that carried a suggestion as a line in the metadata, beside whatever else stands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from labelwheel.plugins.argilla.client import Client, Rejected
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.argilla.reasons import ReasonsProperty
from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.reasons import NAME, Reason, Word
from labelwheel.training.questions import Prediction
from tests.plugins.argilla.test_layout import asked, layout

ID = "6f0e7d5c-0000-4000-8000-000000000001"


class Server(Client):
    """An Argilla with two records and its metadata properties."""

    def __init__(self) -> None:
        super().__init__("http://tool.test", SecretStr("key"))
        self.properties: list[dict[str, Any]] = []
        self.refuses: str | None = None
        self.sent: list[tuple[str, str]] = []
        shown = [{"question_id": "id-topic", "value": "sport", "score": 0.5, "id": "s", "agent": "lw-1"}]
        self.rows: dict[str, dict[str, Any]] = {
            key: {"id": key, "fields": {"text": "a match"}, "status": "pending", "suggestions": shown,
                  "metadata": {"source": "mail"}}
            for key in ("a", "b")
        }  # fmt: skip

    def ask(self, method: str, path: str, *, attempts: int | None = None, **arguments: Any) -> Any:
        if path.endswith("/metadata-properties"):
            return {"items": self.properties}
        if path.endswith("/records/search"):
            wanted = arguments["json"]["filters"]["and"][0]["values"]
            return {"items": [{"record": self.rows[key]} for key in wanted if key in self.rows]}
        params = arguments["params"]
        return {"items": list(self.rows.values())[params["offset"] :][: params["limit"]]}

    def send(self, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        self.sent.append((method, path))
        if self.refuses is not None and path.endswith(self.refuses):
            raise Rejected("no")
        if method == "DELETE":
            self.properties = []
        elif path.endswith("/metadata-properties"):
            self.properties.append({"id": "p", **body})
        else:
            for item in body["items"]:
                kept = {name: value for name, value in item["metadata"].items() if value is not None}
                self.rows[item["id"]]["metadata"] = kept


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def dataset(server: Server) -> Dataset:
    found = Dataset(server, "texts")
    found._id, found._layout = ID, layout(asked("topic", "label_selection", ["sport", "politics"]))
    return found


def suggestion(dataset: Dataset, key: str = "a", answer: str = "sport") -> Suggestion:
    word = Word(field="text", start=2, end=7, text="match")
    return Suggestion(
        example=dataset.layout.example({"id": key, "fields": {"text": "a match"}}),
        version="lw-1",
        predictions={"topic": Prediction(answer=answer, score=0.5)},
        reasons={"topic": (Reason(item=answer, words=(word,)),)},
    )


def test_a_line_is_written_once_beside_what_else_stands_there(server: Server, dataset: Dataset) -> None:
    shown = ReasonsProperty(dataset)
    for _ in range(2):
        shown.show(suggestion(dataset))
    assert server.rows["a"]["metadata"] == {"source": "mail", NAME: "topic sport: “match”"}
    assert server.rows["b"]["metadata"] == {"source": "mail"}
    [made] = server.properties
    assert (made["settings"], made["visible_for_annotators"]) == ({"type": "terms"}, True)
    assert len(server.sent) == 2, "the property, and the line"


def test_where_something_else_is_shown_by_now_nothing_is_written(server: Server, dataset: Dataset) -> None:
    ReasonsProperty(dataset).show(suggestion(dataset, answer="politics"))
    ReasonsProperty(dataset).show(suggestion(dataset, key="gone"))
    assert all(NAME not in row["metadata"] for row in server.rows.values())


@pytest.mark.parametrize("refuses", ["/metadata-properties", "/records/bulk"])
def test_an_argilla_that_takes_no_line_stops_nothing(server: Server, dataset: Dataset, refuses: str) -> None:
    server.refuses = refuses
    shown = ReasonsProperty(dataset)
    shown.show(suggestion(dataset))
    assert server.rows["a"]["metadata"] == {"source": "mail"}
    server.refuses = None
    shown.show(suggestion(dataset))
    assert (NAME in server.rows["a"]["metadata"]) == (refuses == "/records/bulk"), "a place is asked for once"


def test_a_property_of_that_name_that_is_somebody_elses_is_left_alone(server: Server, dataset: Dataset) -> None:
    server.properties = [{"id": "x", "name": NAME, "settings": {"type": "integer"}}]
    ReasonsProperty(dataset).show(suggestion(dataset))
    assert server.sent == []


def test_all_of_it_is_taken_away(server: Server, dataset: Dataset) -> None:
    shown = ReasonsProperty(dataset)
    shown.show(suggestion(dataset))
    shown.remove()
    assert server.properties == []
    assert [row["metadata"] for row in server.rows.values()] == [{"source": "mail"}] * 2
