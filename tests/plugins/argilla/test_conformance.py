"""Argilla's connector keeps what every connector has to keep."""

from __future__ import annotations

import pytest

from labelwheel.plugins.testing.conformance import Conformance
from labelwheel.plugins.testing.people import PeopleStage
from labelwheel.plugins.testing.stage import Stage
from tests.plugins.argilla.stand_in import RecordPeople, Records, say


class TestArgilla(Conformance):
    @pytest.fixture
    def stage(self) -> Stage:
        return PeopleStage(RecordPeople(), Records, say)
