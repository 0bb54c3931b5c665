"""The suite that every connector is held against, over the real Label Studio."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping

import pytest
from pydantic import SecretStr

from labelwheel.plugins.connector import Connection
from labelwheel.plugins.label_studio import LabelStudio, doubts, ranks
from labelwheel.plugins.testing.conformance import Conformance
from labelwheel.plugins.testing.stage import ANSWERS, Stage
from testkit.label_studio import LabelStudioServer

pytestmark = pytest.mark.server

CHOICES = "".join(f'<Choice value="{answer}"/>' for answer in ANSWERS)
CONFIG = f'<View><Text name="text" value="$text"/><Choices name="topic" toName="text">{CHOICES}</Choices></View>'


class StudioStage:
    """A project of its own, and the people in it."""

    def __init__(self, server: LabelStudioServer) -> None:
        self._server, self._project = server, server.create_project(CONFIG)
        self._tab: int | None = None
        project = self.connector()._project
        self._tab = ranks.add(project, None)
        self._torn: dict[str, str] = {}  # the work by which an example is spoilt

    def connector(self) -> LabelStudio:
        key = SecretStr(self._server.pat)
        return LabelStudio(
            Connection(
                tool="label-studio", url=self._server.url, api_key=key, project=str(self._project),
                options={"tab": self._tab},
            )
        )  # fmt: skip

    def add(self, text: str) -> str:
        self._server.import_tasks(self._project, [{"text": text}])
        return str(self._server.task_ids(self._project)[-1])

    def remove(self, example: str) -> None:
        self._server.delete_task(int(example))

    def describe(self, example: str, columns: Mapping[str, object]) -> None:
        task = self._server.api("GET", f"/api/tasks/{example}/")
        data = {"text": task["data"]["text"], **columns}
        self._server.api("PATCH", f"/api/tasks/{example}/", json={"data": data})

    def answer(self, example: str, answer: str, work: str | None = None) -> str:
        result = [{"from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": [answer]}}]
        if work is None:
            return str(self._server.submit(int(example), result)["id"])
        self._server.update(int(work), result=result)
        return work

    def withdraw(self, work: str) -> None:
        self._server.delete_annotation(int(work))

    def shown(self, example: str) -> str | None:
        predictions = self._server.api("GET", "/api/predictions/", params={"task": example})
        if not predictions:
            return None
        result = max(predictions, key=lambda one: one["id"])["result"]
        return str(result[0]["value"]["choices"][0]) if result else None

    def doubted(self) -> list[str]:
        listed = self._server.api("GET", "/api/dm/views/", params={"project": self._project})
        tabs = [one["id"] for one in listed if one["data"]["title"] == doubts.TITLE]
        asked = [{"project": self._project, "view": tab, "fields": "all"} for tab in tabs]
        return [str(task["id"]) for one in asked for task in self._server.api("GET", "/api/tasks", params=one)["tasks"]]

    def spoil(self, example: str, broken: bool) -> None:
        """Someone answers it, and that is torn in the database: no list that it is in can be shown."""
        if broken:
            self._torn[example] = self.answer(example, ANSWERS[0])
        work = self._torn[example]
        database = self._server.folder / "data" / "label_studio.sqlite3"
        with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection, connection:
            written = "torn" if broken else "2026-01-01 00:00:00"
            connection.execute("UPDATE task_completion SET created_at = ? WHERE id = ?", (written, work))
        if not broken:
            self.withdraw(work)


class TestLabelStudio(Conformance):
    @pytest.fixture
    def stage(self, studio: LabelStudioServer) -> Stage:
        return StudioStage(studio)
