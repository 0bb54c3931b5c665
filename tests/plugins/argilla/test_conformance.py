"""Argilla's connector keeps what every connector has to keep."""

from __future__ import annotations

import pytest

from labelwheel.plugins.testing.conformance import Conformance
from labelwheel.plugins.testing.stage import Stage
from tests.plugins.argilla.stand_in import RecordPeople, Records, RecordStage, say


class TestArgilla(Conformance):
    @pytest.fixture
    def stage(self) -> Stage:
        return RecordStage(RecordPeople(), Records, say)

    def test_who_sorts_by_rank_and_who_by_nothing_see_newer_suggestions(self, stage: Stage) -> None:
        examples = [stage.add(text) for text in ("one", "two", "three", "four", "five")]
        connector = stage.connector()
        assert isinstance(connector, Records)
        connector.rank([examples[4], examples[3], examples[2]])
        assert [one.key for one in connector.upcoming(4)] == [examples[4], examples[0], examples[3], examples[1]]
