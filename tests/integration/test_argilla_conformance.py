"""The suite that every connector is held against, over the real Argilla."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from labelwheel.plugins.argilla import Argilla, doubts, ranks
from labelwheel.plugins.argilla import polling as polling_module
from labelwheel.plugins.connector import Connection, Service
from labelwheel.plugins.testing.conformance import Conformance
from labelwheel.plugins.testing.stage import ANSWERS, Stage
from labelwheel.plugins.testing.steps import NEW
from testkit.argilla import ArgillaServer
from testkit.argilla_api import label_question, text_field

pytestmark = pytest.mark.server

_names = (f"conformance{number}" for number in itertools.count(1))
SECRET = SecretStr("lwt_not-for-argilla")
SERVICE = Service(url="http://127.0.0.1:9", predict_secret=SECRET, webhook_secret=SECRET)


class ArgillaStage:
    """A dataset of its own, wired as `connect` does it, and the people in it."""

    def __init__(self, server: ArgillaServer) -> None:
        self._server, self._name = server, next(_names)
        self._dataset = server.create_dataset(self._name, [text_field()], [label_question("topic", ANSWERS)])
        self._options: Any = {}
        self._options = self.connector().wire(SERVICE, NEW)

    def connector(self) -> Argilla:
        key = SecretStr(self._server.api_key)
        return Argilla(
            Connection(tool="argilla", url=self._server.url, api_key=key, project=self._name, options=self._options)
        )

    def add(self, text: str) -> str:
        (key,) = self._server.add(self._dataset, [{"text": text}])
        return key

    def remove(self, example: str) -> None:
        self._server.delete_records(self._dataset, example)

    def describe(self, example: str, columns: Mapping[str, object]) -> None:
        self._server.api("PATCH", f"/records/{example}", json={"metadata": dict(columns)})

    def answer(self, example: str, answer: str, work: str | None = None) -> str:
        said = {"topic": answer}
        return str((self._server.update(work, said) if work else self._server.submit(example, said))["id"])

    def withdraw(self, work: str) -> None:
        self._server.call("DELETE", f"/responses/{work}")

    def shown(self, example: str) -> str | None:
        suggestions = self._record(example)["suggestions"]
        return str(suggestions[0]["value"]) if suggestions else None

    def spoil(self, example: str, broken: bool) -> None:
        """Puts a torn response on it, in the database: no list that it is in can be shown with the responses."""
        database, key = self._server.folder / "home" / "argilla.db", uuid.UUID(example).hex
        tear = 'INSERT INTO responses (id, "values", status, record_id, user_id, inserted_at, updated_at) '
        tear += "SELECT ?, '{}', 'draft', ?, id, 'torn', 'torn' FROM users LIMIT 1"
        with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection, connection:
            if broken:
                connection.execute(tear, (uuid.uuid4().hex, key))
            else:
                connection.execute("DELETE FROM responses WHERE record_id = ?", (key,))

    def order(self) -> list[str]:
        return self._sorted(ranks.PROPERTY)

    def doubted(self) -> list[str]:
        return self._sorted(doubts.PROPERTY)

    def _sorted(self, name: str) -> list[str]:
        numbered = [row for row in self._server.records(self._dataset) if name in (row["metadata"] or {})]
        return [row["id"] for row in sorted(numbered, key=lambda row: row["metadata"][name])]

    def _record(self, example: str) -> dict[str, Any]:
        (found,) = [row for row in self._server.records(self._dataset) if row["id"] == example]
        return found


class TestArgilla(Conformance):
    @pytest.fixture
    def stage(self, argilla: ArgillaServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
        monkeypatch.setattr(polling_module, "REST", 0.0)  # it polls a fifth of the time at most
        stage = ArgillaStage(argilla)
        yield stage
        stage.connector().unwire()
