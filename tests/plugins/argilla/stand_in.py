"""An Argilla in memory, as far as its connector asks it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import SecretStr

from labelwheel.plugins.argilla import doubts
from labelwheel.plugins.argilla.client import Client, Missing, Rejected
from labelwheel.plugins.argilla.connector import Argilla
from labelwheel.plugins.argilla.dataset import Dataset
from labelwheel.plugins.argilla.polling import Poller
from labelwheel.plugins.argilla.pushing import Pusher
from labelwheel.plugins.argilla.ranks import PROPERTY, RankedRecords
from labelwheel.plugins.argilla.reasons import ReasonsProperty
from labelwheel.plugins.errors import ToolFailed
from labelwheel.plugins.testing.people import START, People, PeopleStage

ID = "6f0e7d5c-0000-4000-8000-000000000001"


class RecordPeople(People):
    """Argilla's keys are no numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.properties: list[dict[str, Any]] = []
        self.doubts: dict[int, int] = {}
        self.external: dict[str, int] = {}
        self.min_submitted = 1

    def name(self, number: int) -> str:
        return f"r{number}"


class RecordStage(PeopleStage):
    """Knows which records are doubtful."""

    def doubted(self) -> list[str]:
        doubtful = self.people.doubts  # type: ignore[attr-defined]
        return [self.people.name(number) for number in sorted(doubtful, key=doubtful.__getitem__)]


class Records(Argilla):
    """Argilla's connector over people's work in memory."""

    def __init__(self, people: RecordPeople) -> None:
        self._dataset, self._options = Dataset(Calls(people), "d"), {}
        self._dataset._id = ID
        self._poller, self._ranks = Poller(self._dataset), RankedRecords(self._dataset, True)
        self._pusher = Pusher(self._dataset, self._ranks)
        self._reasons = ReasonsProperty(self._dataset)


class Calls(Client):
    """Answers what the connector asks of one dataset."""

    _numbers = itertools.count(1)

    def __init__(self, people: RecordPeople) -> None:
        super().__init__("http://tool.test", SecretStr("key"))
        self._people = people

    def ask(self, method: str, path: str, *, attempts: int | None = None, **arguments: Any) -> Any:
        self._people.called(f"call {path}")
        params, count = arguments.get("params") or {}, len(self._people.texts)
        if path == "/me":
            return {"id": "u", "role": "owner"}
        if path.endswith("/fields"):
            return {"items": [{"name": "t", "title": "t", "settings": {"type": "text"}}]}
        if path.endswith("/questions"):
            options = [{"value": value, "text": value} for value in ("sport", "politics")]
            settings = {"type": "label_selection", "options": options}
            return {"items": [{"id": "q", "name": "topic", "title": "topic", "settings": settings}]}
        if path.endswith("/metadata-properties"):
            return {"items": self._people.properties}
        if path.endswith("/progress"):
            return {"total": count, "completed": len(self._people.work), "pending": count}
        if path == f"/datasets/{ID}":
            latest = max(self._people.moved.values(), default=START)
            wanted = {"strategy": "overlap", "min_submitted": self._people.min_submitted}
            told = {"id": ID, "name": "d", "status": "ready", "distribution": wanted}
            return told | {"last_activity_at": latest.isoformat()}
        if path.startswith("/records/"):
            return self._one(path.removeprefix("/records/"))
        if path.endswith("/records/search"):
            return {"items": [{"record": row} for row in self._search(arguments["json"], params)]}
        if path.endswith("/records"):
            return {"items": self._rows(list(self._people.texts)[params["offset"] :][: params["limit"]], params)}
        raise AssertionError(path)

    def send(self, method: str, path: str, body: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        self._people.called(f"call {path}")
        if path.endswith("/metadata-properties"):
            self._people.properties.append({"id": body["name"], **body})
            return
        if path.startswith("/metadata-properties/"):
            self._people.properties = [one for one in self._people.properties if not path.endswith(f"/{one['id']}")]
            return
        if method == "DELETE":
            number, gone = self._people.number(path.split("/")[2]), (params or {})["ids"].split(",")
            kept = [one for one in self._people.suggested[number] if one["id"] not in gone]
            self._people.suggested[number] = kept
            return
        if "external_id" in body["items"][0]:
            for item in body["items"]:
                (response,) = item["responses"]
                if item["external_id"] not in self._people.external:
                    self._people.external[item["external_id"]] = key = self._people.add(item["fields"]["t"])
                    self._people.answer(key, response["values"]["topic"]["value"])
            return
        numbers = [self._people.number(item["id"]) for item in body["items"]]
        if not all(number in self._people.texts for number in numbers):
            raise Rejected("Argilla rejected it: there is no such record")
        for number, item in zip(numbers, body["items"], strict=True):
            if "metadata" in item:
                self._people.doubts.pop(number, None)
                if item["metadata"].get(doubts.PROPERTY) is not None:
                    self._people.doubts[number] = item["metadata"][doubts.PROPERTY]
                self._people.ranks.pop(number, None)
                if item["metadata"].get(PROPERTY) is not None:
                    self._people.ranks[number] = item["metadata"][PROPERTY]
            if "suggestions" in item:
                self._people.suggested[number] = [
                    {"id": f"s{next(self._numbers)}", **one} for one in item["suggestions"]
                ]

    def _one(self, key: str) -> dict[str, Any]:
        number = self._people.number(key)
        if number not in self._people.texts:
            raise Missing(f"Argilla has nothing at /records/{key}")
        return self._rows([number], {})[0]

    def _search(self, asked: Mapping[str, Any], params: Mapping[str, Any]) -> list[dict[str, Any]]:
        (wanted,) = asked["filters"]["and"]
        if wanted["type"] == "range":
            assert wanted["scope"] == {"entity": "metadata", "metadata_property": doubts.PROPERTY}
            return self._rows(sorted(self._people.doubts, key=self._people.doubts.__getitem__), params)
        if wanted["scope"]["property"] == "id":
            return self._rows([key for key in self._people.texts if self._people.name(key) in wanted["values"]], params)
        (sort,) = asked["sort"]
        ranked = sorted(self._people.ranks, key=self._people.ranks.__getitem__)
        order = list(self._people.texts) if sort["scope"]["entity"] == "record" else ranked
        rows = self._rows([key for key in order if key in self._people.texts], params)
        return [row for row in rows if row["status"] in wanted["values"]][: params["limit"]]

    def _rows(self, keys: Iterable[int], params: Mapping[str, Any]) -> list[dict[str, Any]]:
        keys = list(keys)
        if params.get("include") and self._people.spoilt & set(keys):
            raise ToolFailed("Argilla answered with 500")
        return [self._row(key) for key in keys]

    def _row(self, key: int) -> dict[str, Any]:
        responses = [
            {
                "id": self._people.name(work), "status": "submitted", "user_id": "ann",
                "values": {"topic": {"value": answer}}, "inserted_at": at.isoformat(), "updated_at": at.isoformat(),
            }
            for work, answer, at in self._people.on(key)
        ]  # fmt: skip
        metadata = dict(self._people.columns.get(key, {}))
        if key in self._people.ranks:
            metadata[PROPERTY] = self._people.ranks[key]
        if key in self._people.doubts:
            metadata[doubts.PROPERTY] = self._people.doubts[key]
        return {
            "id": self._people.name(key), "fields": {"t": self._people.texts[key]}, "dataset_id": ID,
            "responses": responses, "suggestions": self._people.suggested.get(key, []),
            "status": "completed" if len(responses) >= self._people.min_submitted else "pending",
            "metadata": metadata,
        }  # fmt: skip


def say(suggestions: list[dict[str, Any]]) -> str | None:
    """What Argilla shows of a record's suggestions to its one question."""
    return suggestions[0]["value"] if suggestions else None
