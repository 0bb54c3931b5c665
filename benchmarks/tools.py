"""A set such as SNIPS in each labelling tool: intents as a choice, slots as spans, and who answers as it does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count
from typing import Any, Protocol
from xml.sax.saxutils import quoteattr

from testkit.annotator import Annotator, Region, choice_region, span_region
from testkit.argilla import ArgillaServer
from testkit.argilla_annotator import ArgillaAnnotator, spans_as_shown
from testkit.argilla_api import label_question, span_question, text_field
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer

Rows = list[dict[str, Any]]


class Pool(Protocol):
    """Texts in a running labelling tool."""

    def connect(self, wheel: LabelwheelServer) -> None:
        """`labelwheel connect`."""

    def suggested(self) -> int:
        """How many texts have a suggestion."""

    def annotator(self) -> Annotator:
        """Somebody who labels."""


class LabelStudioPool:
    """A project of Label Studio."""

    def __init__(
        self, stack: ExitStack, train: Rows, pool: Rows, questions: list[str], sampling: str, labelled: int = 0
    ) -> None:
        self.pool, self.questions = pool, questions
        self.studio = stack.enter_context(LabelStudioServer())
        items: Rows = [{"data": {"text": row["text"]}} for row in pool]
        for item, row in zip(items[:labelled], pool, strict=False):
            item["annotations"] = [{"result": [one for given in self._gold(row).values() for one in given]}]
        self.project = self.studio.create_project(label_config(train, questions), (), "snips")
        for start in range(0, len(items), 1000):
            self.studio.import_tasks(self.project, items[start : start + 1000])
        self.studio.change_project(self.project, sampling=f"{sampling.capitalize()} sampling")

    def connect(self, wheel: LabelwheelServer) -> None:
        wheel.connect("label-studio", self.studio.url, self.studio.pat, project=self.project)

    def suggested(self) -> int:
        found = seen = 0
        for number in count(1):
            params = {"project": self.project, "page": number, "page_size": 1000, "include": "total_predictions"}
            page = self.studio.api("GET", "/api/tasks", params=params)
            found += sum(task["total_predictions"] > 0 for task in page["tasks"])
            seen += len(page["tasks"])
            if seen >= page["total"]:
                break
        return found

    def annotator(self) -> Annotator:
        rows = {row["text"]: row for row in self.pool}
        return Annotator(self.studio.api, self.project, lambda data: self._gold(rows[data["text"]]))

    def _gold(self, row: Mapping[str, Any]) -> Mapping[str, list[Region]]:
        answers = {
            "intent": [choice_region("intent", row["label"])],
            "slots": [span_region("slots", span) for span in row.get("spans", ())],
        }
        return {question: answers[question] for question in self.questions}


class ArgillaPool:
    """A dataset of Argilla."""

    def __init__(
        self, stack: ExitStack, train: Rows, pool: Rows, questions: list[str], sampling: str, labelled: int = 0
    ) -> None:
        self.pool, self.questions, self.sampling = pool, questions, sampling
        self.argilla = stack.enter_context(ArgillaServer())
        asked = {
            "intent": label_question("intent", sorted({row["label"] for row in train})),
            "slots": span_question("slots", _slots(train)),
        }
        texts = [{"text": row["text"]} for row in pool]
        chosen = [asked[question] for question in questions]
        self.dataset = self.argilla.create_dataset("snips", [text_field()], chosen)
        for record, row in zip(self.argilla.add(self.dataset, texts)[:labelled], pool, strict=False):
            self.argilla.submit(record, self._gold(row))

    def connect(self, wheel: LabelwheelServer) -> None:
        wheel.connect("argilla", self.argilla.url, self.argilla.api_key, dataset="snips")

    def suggested(self) -> int:
        return sum(bool(record["suggestions"]) for record in self.argilla.records(self.dataset))

    def annotator(self) -> Annotator:
        rows = {row["text"]: row for row in self.pool}
        return ArgillaAnnotator(
            self.argilla.api, self.dataset, lambda fields: self._gold(rows[fields["text"]]), self.sampling
        )

    def _gold(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        answers = {"intent": row["label"], "slots": spans_as_shown(row["text"], row.get("spans", []))}
        return {question: answers[question] for question in self.questions}


POOLS: dict[str, type[LabelStudioPool] | type[ArgillaPool]] = {"label-studio": LabelStudioPool, "argilla": ArgillaPool}


def label_config(rows: Rows, questions: list[str]) -> str:
    """The questions of a set as a label config."""
    intents = "".join(f"<Choice value={quoteattr(each)}/>" for each in sorted({row["label"] for row in rows}))
    spans = "".join(f"<Label value={quoteattr(each)}/>" for each in _slots(rows))
    controls = {
        "intent": f'<Choices name="intent" toName="text" choice="single">{intents}</Choices>',
        "slots": f'<Labels name="slots" toName="text">{spans}</Labels>',
    }
    chosen = "".join(controls[question] for question in questions)
    return f'<View><Text name="text" value="$text"/>{chosen}</View>'


def _slots(rows: Rows) -> list[str]:
    return sorted({span["label"] for row in rows for span in row.get("spans", ())})
