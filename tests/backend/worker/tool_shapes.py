"""Two labelling tools in memory, read by the real connectors, and what the ledger has to be after what people did."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from labelwheel.plugins.argilla.client import Client as ArgillaClient
from labelwheel.plugins.argilla.client import Missing
from labelwheel.plugins.argilla.connector import Argilla
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.argilla.polling import Poller
from labelwheel.plugins.label_studio import polling
from labelwheel.plugins.label_studio.annotations import moment
from labelwheel.plugins.label_studio.client import Client as StudioClient
from labelwheel.plugins.label_studio.connector import LabelStudio
from labelwheel.plugins.label_studio.project import FULL, Project
from pydantic import SecretStr

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = (
    '<View><Text name="t" value="$t"/><Choices name="topic" toName="t">'
    '<Choice value="sport"/><Choice value="politics"/></Choices></View>'
)
ID = "6f0e7d5c-0000-4000-8000-000000000001"


class People:
    """Examples and the work on them, with times as a tool gives them; `called` is told of each call."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.moved: dict[int, datetime] = {}
        self.work: dict[int, tuple[int, str, datetime]] = {}  # by its key: example, answer, when
        self.called: Callable[[str], None] = lambda name: None
        self._seconds, self._keys, self._examples = itertools.count(1), itertools.count(1), itertools.count(1)

    def add(self, text: str) -> int:
        key = next(self._examples)
        self.texts[key] = text
        self._touch(key)
        return key

    def answer(self, example: int, answer: str, work: int | None = None) -> int:
        """Someone answers, or changes an answer."""
        work = work or next(self._keys)
        self.work[work] = example, answer, self._touch(example)
        return work

    def withdraw(self, work: int) -> None:
        self._touch(self.work.pop(work)[0])

    def remove(self, example: int) -> None:
        """Only a sweep can see it."""
        del self.texts[example], self.moved[example]
        for key in [key for key, one in self.work.items() if one[0] == example]:
            del self.work[key]

    @property
    def truth(self) -> dict[str, str]:
        """Answer by work."""
        return {self.name(key): answer for key, (_, answer, _) in self.work.items()}

    @property
    def examples(self) -> set[str]:
        return {self.name(key) for key in self.texts}

    def name(self, number: int) -> str:
        return str(number)

    def on(self, example: int) -> Iterator[tuple[int, str, datetime]]:
        """The work on one example."""
        return ((key, answer, at) for key, (about, answer, at) in self.work.items() if about == example)

    def _touch(self, example: int) -> datetime:
        self.moved[example] = at = START + timedelta(seconds=next(self._seconds))
        return at


class _Tasks(Project):
    """Answers the Data Manager's queries."""

    def __init__(self, people: People) -> None:
        super().__init__(StudioClient("http://tool.test", SecretStr("key")), "1")
        self._people = people

    def get(self) -> dict[str, Any]:
        self._people.called("call project")
        return {"id": 1, "title": "A project", "label_config": CONFIG, "created_at": "2026-01-01T00:00:00Z"}

    def tasks(self, *filters: Any, order: str = "tasks:id", size: int = 100, **more: Any) -> list[dict[str, Any]]:
        self._people.called("call tasks")
        only = more.get("only")
        found = [(key, at) for key, at in self._people.moved.items() if only is None or key in only]
        for one in filters:
            by_id = one["filter"].endswith(":id")
            value = one["value"] if by_id else moment(one["value"])
            keep = {"greater": "__gt__", "greater_or_equal": "__ge__", "equal": "__eq__"}[one["operator"]]
            found = [item for item in found if getattr(item[0 if by_id else 1], keep)(value)]
        found.sort(key=lambda item: item[1 if "updated" in order else 0])
        # whole tasks come in small pages, as the test wants them
        most = min(size, polling.PAGE) if more.get("include", FULL) == FULL else size
        return [self._task(key, at) for key, at in found[:most]]

    def _task(self, key: int, at: datetime) -> dict[str, Any]:
        annotations = [
            {
                "id": work, "created_at": polling.stamp(when), "updated_at": polling.stamp(when), "completed_by": 1,
                "result": [
                    {"from_name": "topic", "to_name": "t", "type": "choices", "value": {"choices": [answer]}, "id": "x"}
                ],
            }
            for work, answer, when in self._people.on(key)
        ]  # fmt: skip
        data = {"t": self._people.texts[key]}
        return {"id": key, "data": data, "updated_at": polling.stamp(at), "annotations": annotations}


class Studio(LabelStudio):
    """Label Studio's connector over people's work in memory."""

    def __init__(self, people: People) -> None:
        self._project, self._options = _Tasks(people), {}


class _Records(ArgillaClient):
    """Answers what the connector asks of one dataset."""

    def __init__(self, people: People) -> None:
        super().__init__("http://tool.test", SecretStr("key"))
        self._people = people

    def ask(self, method: str, path: str, *, attempts: int | None = None, **arguments: Any) -> Any:
        self._people.called(f"call {path}")
        params, count = arguments.get("params") or {}, len(self._people.texts)
        if path == "/me":
            return {"role": "owner"}
        if path.endswith("/fields"):
            return {"items": [{"name": "t", "title": "t", "settings": {"type": "text"}}]}
        if path.endswith("/questions"):
            options = [{"value": value, "text": value} for value in ("sport", "politics")]
            settings = {"type": "label_selection", "options": options}
            return {"items": [{"id": "q", "name": "topic", "title": "topic", "settings": settings}]}
        if path.endswith("/progress"):
            return {"total": count, "completed": len(self._people.work), "pending": count}
        if path == f"/datasets/{ID}":
            latest = max(self._people.moved.values(), default=START)
            return {"id": ID, "name": "d", "status": "ready", "last_activity_at": latest.isoformat()}
        if path.startswith("/records/"):
            found = next((key for key in self._people.texts if path == f"/records/r{key}"), None)
            if found is None:
                raise Missing(f"Argilla has nothing at {path}")
            return self._row(found)
        if path.endswith("/records/search"):
            wanted = arguments["json"]["filters"]["and"][0]["values"]
            return {"items": [{"record": self._row(key)} for key in self._people.texts if f"r{key}" in wanted]}
        if path.endswith("/records"):
            chosen = list(self._people.texts)[params["offset"] : params["offset"] + params["limit"]]
            return {"items": [self._row(key) for key in chosen]}
        raise AssertionError(path)

    def _row(self, key: int) -> dict[str, Any]:
        responses = [
            {
                "id": f"r{work}", "status": "submitted", "user_id": "ann", "values": {"topic": {"value": answer}},
                "inserted_at": at.isoformat(), "updated_at": at.isoformat(),
            }
            for work, answer, at in self._people.on(key)
        ]  # fmt: skip
        fields = {"t": self._people.texts[key]}
        return {"id": f"r{key}", "fields": fields, "dataset_id": ID, "responses": responses}


class Records(Argilla):
    """Argilla's connector over people's work in memory."""

    def __init__(self, people: People) -> None:
        self._dataset = Dataset(_Records(people), "d")
        self._dataset._id = ID
        self._poller, self._options = Poller(self._dataset), {}


class RecordPeople(People):
    """Argilla's keys are no numbers."""

    def name(self, number: int) -> str:
        return f"r{number}"
