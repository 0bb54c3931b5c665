"""A Label Studio in memory, as far as its connector asks it."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from pydantic import SecretStr

from labelwheel.plugins.errors import ToolError, ToolFailed
from labelwheel.plugins.label_studio import doubts, polling
from labelwheel.plugins.label_studio.annotations import moment
from labelwheel.plugins.label_studio.client import Client
from labelwheel.plugins.label_studio.connector import LabelStudio
from labelwheel.plugins.label_studio.project import FULL, Project
from labelwheel.plugins.testing.people import People, PeopleStage

CONFIG = (
    '<View><Text name="t" value="$t"/><Choices name="topic" toName="t">'
    '<Choice value="sport"/><Choice value="politics"/></Choices>'
    '<Labels name="labelwheel_words" toName="t"><Label value="why"/></Labels></View>'
)
COMPARE = {"greater": "__gt__", "greater_or_equal": "__ge__", "equal": "__eq__"}


class TabbedPeople(People):
    """With a Data Manager."""

    def __init__(self) -> None:
        super().__init__()
        self.tabs: dict[int, dict[str, Any]] = {}


class TabbedStage(PeopleStage):
    """Knows what the tab of label errors holds."""

    def doubted(self) -> list[str]:
        tabs = [tab for tab in self.people.tabs.values() if tab["title"] == doubts.TITLE]  # type: ignore[attr-defined]
        listed = [one["value"] for tab in tabs for one in tab["filters"]["items"]]
        return [str(task) for task in listed if task in self.people.texts]


class Studio(LabelStudio):
    """Label Studio's connector over people's work in memory."""

    def __init__(self, people: People) -> None:
        self._project, self._options, self._shown = Tasks(people), {"tab": 1}, None


class Tasks(Project):
    """Answers the Data Manager's queries."""

    def __init__(self, people: People) -> None:
        super().__init__(Calls(people), "1")
        self._people = people

    def get(self) -> dict[str, Any]:
        self._people.called("call project")
        return {"id": 1, "title": "A project", "label_config": CONFIG, "created_at": "2026-01-01T00:00:00Z"}

    def tasks(self, *filters: Any, order: str = "tasks:id", size: int = 100, **more: Any) -> list[dict[str, Any]]:
        self._people.called("call tasks")
        only, whole = more.get("only"), more.get("include", FULL) == FULL
        found = [key for key in self._people.moved if only is None or key in only]
        if more.get("page", 1) > 1:
            missing = ToolError("Invalid page.")
            missing.http_status = 404
            raise missing
        for one in filters:
            found = [key for key in found if self._passes(key, one)]
        found.sort(key=lambda key: self._people.moved[key] if "updated" in order else key)
        # whole tasks come in small pages, as the test wants them
        found = found[: min(size, polling.PAGE) if whole else size]
        if whole and self._people.spoilt & set(found):
            raise ToolFailed("Label Studio answered with 500")
        return [self._task(key) for key in found]

    def _passes(self, key: int, one: dict[str, Any]) -> bool:
        column, value = one["filter"].removeprefix("filter:tasks:"), one["value"]
        if column.startswith("data."):
            return self._people.columns.get(key, {}).get(column.removeprefix("data.")) == value
        if column == "total_annotations":
            return len(list(self._people.on(key))) == value
        if column == "predictions_model_versions":
            there = {each["model_version"] for each in self._people.suggested.get(key, [])} & set(value)
            return bool(there) is (one["operator"] == "contains")
        if column == "id":
            return bool(getattr(key, COMPARE[one["operator"]])(value))
        return bool(getattr(self._people.moved[key], COMPARE[one["operator"]])(moment(value)))

    def _task(self, key: int) -> dict[str, Any]:
        annotations = [
            {
                "id": work, "created_at": polling.stamp(when), "updated_at": polling.stamp(when), "completed_by": 1,
                "result": [
                    {"from_name": "topic", "to_name": "t", "type": "choices", "value": {"choices": [answer]}, "id": "x"}
                ],
            }
            for work, answer, when in self._people.on(key)
        ]  # fmt: skip
        shown = {"annotations": annotations, "predictions": self._people.suggested.get(key, [])}
        at = polling.stamp(self._people.moved[key])
        data = {"t": self._people.texts[key], **self._people.columns.get(key, {})}
        return {"id": key, "data": data, "updated_at": at, **shown}


class Calls(Client):
    """Takes predictions, and takes them away."""

    _numbers = itertools.count(1)

    def __init__(self, people: People) -> None:
        super().__init__("http://tool.test", SecretStr("key"))
        self._people = people

    def get(self, path: str, params: Any = None, *, timeout: float = 0.0) -> Any:
        if path == "/api/projects/1/model-versions/":
            shown = itertools.chain.from_iterable(self._people.suggested.values())
            return Counter(one["model_version"] for one in shown)
        assert path == "/api/dm/views/"
        return [{"id": number, "project": 1, "data": data} for number, data in self._people.tabs.items()]

    def send(self, method: str, path: str, body: Any = None, *, timeout: float = 0.0) -> Any:
        self._people.called(f"call {path}")
        if path == "/api/dm/views/" and method == "POST":
            self._people.tabs[2] = body["data"]
            return {"id": 2}
        if path == "/api/dm/views/2/":
            if method == "DELETE":
                del self._people.tabs[2]
            else:
                self._people.tabs[2] = body["data"]
            return None
        if path == "/api/dm/views/1/":
            shown = (one["value"] for one in body["data"]["filters"]["items"])
            self._people.ranks = {task: place for place, task in enumerate(shown) if task}
            return None
        if path == "/api/projects/1/import":
            for task in body:
                key = self._people.add(task["data"].pop("t"))
                self._people.describe(key, task["data"])
                ((region,),) = (one["result"] for one in task["annotations"])
                self._people.answer(key, region["value"]["choices"][0])
            return {"task_count": len(body)}
        if method == "PATCH":
            number = int(path.split("/")[3])
            for one in itertools.chain.from_iterable(self._people.suggested.values()):
                if one["id"] == number:
                    one["result"] = body["result"]
            return None
        if method == "DELETE" and path.startswith("/api/predictions/"):
            number = int(path.split("/")[3])
            for key, rows in self._people.suggested.items():
                self._people.suggested[key] = [one for one in rows if one["id"] != number]
            return None
        if method == "DELETE":
            for key, rows in self._people.suggested.items():
                self._people.suggested[key] = [one for one in rows if one["model_version"] != body["model_version"]]
            return None
        for item in body:
            self._people.suggested.setdefault(item["task"], []).append({"id": next(self._numbers), **item})
        return {"created": len(body)}


def say(predictions: list[dict[str, Any]]) -> str | None:
    """What Label Studio shows of a task's predictions: the newest one."""
    result = predictions[-1]["result"] if predictions else []
    return result[0]["value"]["choices"][0] if result else None
