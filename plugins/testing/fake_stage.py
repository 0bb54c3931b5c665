"""The labelling tool in memory as a stage of the conformance suite."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from pydantic import SecretStr

from labelwheel.plugins.connector import Connection, Connector
from labelwheel.plugins.testing.fake_tool import TOPIC, FakeConnector, Tool


class FakeStage:
    """labelwheel.plugins.testing.stage.Stage over a `Tool` of its own."""

    _numbers = itertools.count(1)

    def __init__(self, connector: type[FakeConnector] = FakeConnector) -> None:
        self.tool = Tool(questions=(TOPIC,))
        self._connector, self._url = connector, f"http://stage{next(self._numbers)}"
        FakeConnector.tools[self._url] = self.tool

    def connector(self) -> Connector:
        return self._connector(Connection(tool="fake", url=self._url, api_key=SecretStr("key"), project="1"))

    def add(self, text: str) -> str:
        return self.tool.add(text)[0]

    def remove(self, example: str) -> None:
        self.tool.remove(example)

    def answer(self, example: str, answer: str, work: str | None = None) -> str:
        return self.tool.submit(example, {"topic": answer}, key=work).key

    def withdraw(self, work: str) -> None:
        self.tool.delete(work)

    def shown(self, example: str) -> str | None:
        shown = self.tool.shown.get(example)
        prediction = shown.predictions.get("topic") if shown else None
        return prediction.answer if prediction else None

    def spoil(self, example: str, broken: bool) -> None:
        (self.tool.unshown.add if broken else self.tool.unshown.discard)(example)

    def describe(self, example: str, columns: Mapping[str, object]) -> None:
        self.tool.describe(example, columns)

    def order(self) -> list[str]:
        return self.tool.ranked

    def doubted(self) -> list[str]:
        return self.tool.doubted
