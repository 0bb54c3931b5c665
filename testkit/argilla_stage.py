"""An Argilla dataset that is connected to a running labelwheel, what people do in it, and what is true of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from demo import messages
from testkit import truth
from testkit.argilla import ArgillaServer
from testkit.argilla_api import label_question, span_question, text_field
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE

TOPICS = sorted({row["topic"] for row in messages.rows()})
MENTIONS = sorted({span["label"] for row in messages.rows() for span in row["spans"]})
QUESTIONS = [label_question("topic", TOPICS), span_question("mentions", MENTIONS)]


class Stage:
    """`server` and `wheel` joined by one dataset; `number` is labelwheel's own id of it."""

    def __init__(
        self,
        server: ArgillaServer,
        wheel: LabelwheelServer,
        name: str,
        records: int,
        share_with: int | None = None,
        **more: Any,
    ) -> None:
        self.server, self.wheel, self.name = server, wheel, name
        self.rows = messages.rows()[:records]
        self.dataset = server.create_dataset(
            name, [text_field()], QUESTIONS, [{"text": row["text"]} for row in self.rows], **more
        )
        self.keys = [record["id"] for record in server.records(self.dataset)]
        self.connect(**({} if share_with is None else {"share-with": share_with}))

    def connect(self, **options: int | str) -> None:
        """`labelwheel connect`, as people type it."""
        self.wheel.connect("argilla", self.server.url, self.server.api_key, dataset=self.name, **options)

    @property
    def number(self) -> int:
        return int(self.state()["id"])

    def state(self) -> dict[str, Any]:
        """What `labelwheel status` says of the dataset."""
        return next(each for each in self.wheel.status()["projects"] if each["external_id"] == self.name)

    # People

    def gold(self, index: int) -> dict[str, Any]:
        """The right answers to a record as the page sends them, offsets in UTF-16.

        Argilla refuses what then seems to lie behind the text, from people too: such a span is left out.
        """
        row = self.rows[index]
        spans = (units(row["text"], span) for span in row["spans"])
        return {"topic": row["topic"], "mentions": [span for span in spans if span["end"] <= len(row["text"])]}

    def label(self, indices: Sequence[int], key: str | None = None) -> list[str]:
        """Submit the right answers to these records; returns the responses' ids."""
        return [str(self.server.submit(self.keys[one], self.gold(one), key=key)["id"]) for one in indices]

    def relabel(self, key: str, answers: dict[str, Any]) -> None:
        """Whoever answered a record first changes some of it."""
        response = next(record["responses"][0] for record in self.records() if record["id"] == key)
        given = {name: each["value"] for name, each in response["values"].items()}
        self.server.update(response["id"], given | answers)

    # What is true

    def webhooks(self) -> list[dict[str, Any]]:
        return [one for one in self.server.api("GET", "/webhooks")["items"] if self.dataset in one["url"]]

    def records(self) -> list[dict[str, Any]]:
        return self.server.records(self.dataset)

    def labelled(self) -> truth.Labels:
        """The labels that Argilla has."""
        return labelled(self.server, self.dataset)

    def apart(self) -> dict[Any, Any]:
        """Where Argilla and the ledger do not agree."""
        return truth.difference(self.labelled(), truth.ledger(self.wheel, self.number))

    def agreed(self) -> None:
        """Wait until they agree, by the labels and by the events alone."""
        self.wheel.until(lambda: not self.apart(), PATIENCE, "ledger and Argilla do not agree")
        assert self.apart() == {}
        number = self.number
        replayed = truth.replayed(self.wheel, number)
        assert truth.difference(truth.ledger(self.wheel, number), replayed) == {}

    def backfilled(self) -> str:
        """Wait until the present version has looked at every record; returns its name."""

        def done() -> Any:
            state = self.state()
            backfill, version = state["backfill"], state["version"]
            fresh = backfill and backfill["version"] == version["current"] and backfill["state"] == "done"
            return version["current"] if fresh and version["announced"] == version["current"] else None

        return str(self.wheel.until(done, PATIENCE, "the backfill did not end"))

    def suggested(self, question: str) -> dict[str, dict[str, Any]]:
        """The suggestions for a question, by record."""
        asked = self.server.api("GET", f"/datasets/{self.dataset}/questions")["items"]
        (number,) = [one["id"] for one in asked if one["name"] == question]
        return {
            record["id"]: one
            for record in self.records()
            for one in record["suggestions"]
            if one["question_id"] == number
        }

    def promoted(self, question: str = "topic") -> None:
        """One whole round that promotes."""
        answer = self.wheel.call("POST", f"/api/v1/projects/{self.number}/questions/{question}/train")
        assert answer.status_code == 202, answer.text
        number = answer.json()["id"]

        def over() -> Any:
            (row,) = truth.rows(self.wheel, "SELECT * FROM rounds WHERE id = ?", number)
            return row if row["state"] in truth.OVER else None

        row = self.wheel.until(over, PATIENCE, f"round {number} did not end")
        assert row["state"] == "promoted", f"{row['reason']}\n{self.wheel.tail()}"


def labelled(server: ArgillaServer, dataset: str) -> truth.Labels:
    """The labels that Argilla has, read without the code that is tested."""
    found: truth.Labels = {}
    for record in server.records(dataset):
        text = record["fields"]["text"]
        for response in record["responses"]:
            if response["status"] != "submitted":
                continue
            for name, given in response["values"].items():
                answer = given["value"]
                if name == "mentions":
                    answer = sorted((points(text, span) for span in answer), key=truth.place)
                annotator = f"argilla:{response['user_id']}"
                found[response["id"], name] = {"example": record["id"], "annotator": annotator, "answer": answer}
    return found


def units(text: str, span: dict[str, Any]) -> dict[str, Any]:
    """A span in code points as one in UTF-16 units."""
    start, end = (len(text[: span[edge]].encode("utf-16-le")) // 2 for edge in ("start", "end"))
    return {"start": start, "end": end, "label": span["label"]}


def points(text: str, span: dict[str, Any]) -> dict[str, Any]:
    """A span in UTF-16 units as one in code points."""
    whole = text.encode("utf-16-le")
    start, end = (len(whole[: 2 * span[edge]].decode("utf-16-le")) for edge in ("start", "end"))
    return {"start": start, "end": end, "label": span["label"]}
