"""A simulated annotator: takes what Label Studio shows next, keeps what is right, corrects the rest, submits.

It sees what a person sees, through the same API calls as the browser makes, and answers from gold labels.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from testkit.truth import generation_of

Region = dict[str, Any]
Api = Callable[..., Any]


class Gold(Protocol):
    """What people would answer: regions of one task, without ids, by the name of the control."""

    def __call__(self, data: Mapping[str, Any]) -> Mapping[str, list[Region]]: ...


@dataclass(frozen=True)
class Turn:
    """One submitted task: which version was suggested, and for each question whether it was right as it stood."""

    task: int | str
    version: str | None
    accepted: Mapping[str, bool]
    annotation: int | str


class Annotator:
    """Labels a project task by task over `api(method, path, **arguments)`, the JSON API of one Label Studio."""

    def __init__(self, api: Api, project: int, gold: Gold) -> None:
        self.api = api
        self.project = project
        self.gold = gold
        self.turns: list[Turn] = []

    def turn(self) -> Turn | None:
        """Label one more task; None where nothing is left to label."""
        task = self.next_task()
        if task is None:
            return None
        version = self.api("GET", f"/api/projects/{self.project}/")["model_version"]
        # the page shows the newest of the version's own and of its revisions
        shown = [each for each in task["predictions"] if generation_of(each["model_version"]) == version]
        suggested = max(shown, key=lambda each: int(each["id"]), default=None)
        regions, accepted = merge(suggested["result"] if suggested else [], self.gold(task["data"]))
        body = {
            "result": regions,
            "lead_time": 4.0 if all(accepted.values()) else 12.0,
            "parent_prediction": suggested["id"] if suggested else None,
        }
        made = self.api("POST", f"/api/tasks/{task['id']}/annotations/", json=body)
        done = Turn(task["id"], suggested["model_version"] if suggested else None, accepted, made["id"])
        self.turns.append(done)
        return done

    def next_task(self) -> dict[str, Any] | None:
        """What the label stream shows; Label Studio asks labelwheel for a suggestion on the way."""
        try:
            return dict(self.api("GET", f"/api/projects/{self.project}/next"))
        except Exception as error:
            if "404" in str(error):  # how Label Studio says that every task is labelled
                return None
            raise

    def accepted_share(self, question: str, last: int | None = None) -> float:
        """Which share of the suggestions for a question was right as it stood, over the last turns."""
        turns = self.turns[-last:] if last else self.turns
        return sum(turn.accepted[question] for turn in turns) / max(len(turns), 1)


def merge(suggested: list[Region], gold: Mapping[str, list[Region]]) -> tuple[list[Region], dict[str, bool]]:
    """What the browser would submit, and per question whether the suggestion needed no change at all."""
    submitted: list[Region] = []
    accepted = {}
    for question, wanted in gold.items():
        shown = [region for region in suggested if region["from_name"] == question]
        kept = [region for region in shown if any(_same(region, each) for each in wanted)]
        missing = [each for each in wanted if not any(_same(each, region) for region in kept)]
        single = bool(shown) and wanted and wanted[0]["type"] not in ("labels", "hypertextlabels")
        submitted += [{**region, "origin": "prediction"} for region in kept]
        for each in missing:
            if single:  # a choice is changed in place: the region keeps its id
                submitted.append({**shown[0], "value": each["value"], "origin": "prediction-changed"})
            else:
                submitted.append({**each, "id": uuid.uuid4().hex[:10], "origin": "manual"})
        accepted[question] = len(kept) == len(shown) and not missing
    return submitted, accepted


def _same(one: Region, other: Region) -> bool:
    def essence(region: Region) -> Any:
        value = region["value"]
        labels = value.get("labels") or value.get("choices") or value.get(region["type"])
        return region["from_name"], region["type"], value.get("start"), value.get("end"), labels

    return bool(essence(one) == essence(other))


def choice_region(question: str, label: str, text: str = "text") -> Region:
    """A region that answers a Choices control."""
    return {"from_name": question, "to_name": text, "type": "choices", "value": {"choices": [label]}}


def span_region(question: str, span: Mapping[str, Any], text: str = "text") -> Region:
    """A region of a Labels control; `span` has start, end and label."""
    value = {"start": span["start"], "end": span["end"], "labels": [span["label"]]}
    return {"from_name": question, "to_name": text, "type": "labels", "value": value}
