"""Label Studio's connector keeps what every connector has to keep."""

from __future__ import annotations

import pytest

from labelwheel.plugins.testing.conformance import Conformance
from labelwheel.plugins.testing.stage import Stage
from tests.plugins.label_studio.stand_in import Studio, TabbedPeople, TabbedStage, say


class TestLabelStudio(Conformance):
    @pytest.fixture
    def stage(self) -> Stage:
        return TabbedStage(TabbedPeople(), Studio, say)
