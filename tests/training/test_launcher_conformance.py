"""The local launcher against the suite that other packages hold theirs against."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.training.launchers import local
from labelwheel.training.launchers.base import Launcher, Site
from labelwheel.training.testing.launchers import LauncherConformance


@pytest.mark.slow
class TestLocal(LauncherConformance):
    @pytest.fixture
    def launcher(self, tmp_path: Path) -> Launcher:
        return local.launcher(Site(str(tmp_path / "jobs"), threads=1, grace=2.0))
