"""What every launcher has to keep, as tests that run real jobs with it; each takes some seconds.

    class TestMine(LauncherConformance):
        @pytest.fixture
        def launcher(self, tmp_path): return my_launcher(Site(str(tmp_path / "jobs")))

Places that jobs read and write are folders below `tmp_path`; where jobs run elsewhere, a fixture `place` names another
folder or URL that they and this machine both reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from labelwheel.training import places
from labelwheel.training.checkpoints.store import Store
from labelwheel.training.launchers.base import Launcher, Phase, State, Task
from labelwheel.training.spec import JobSpec, Part, Recipe
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.testing.small_model import small_model

PATIENCE = 180.0


class LauncherConformance:
    """The suite. A subclass named Test… has a fixture `launcher`, anew for each test."""

    def place(self, tmp_path: Path) -> str:
        """The folder or URL where jobs find their data and leave their checkpoints."""
        return str(tmp_path)

    def test_a_job_leaves_its_checkpoint_and_is_over(self, launcher: Launcher, tmp_path: Path) -> None:
        handle = launcher.submit([self._task(tmp_path, "1")])
        assert isinstance(handle, str)
        assert handle
        assert _ended(launcher, handle) == State(phase=Phase.SUCCEEDED)
        assert self._store(tmp_path).read("v1").manifest.version == "v1"
        assert isinstance(launcher.logs(handle, "1"), str)
        assert launcher.logs(handle, "nobody's") == ""
        launcher.cancel(handle)
        assert self._store(tmp_path).has("v1"), "what has ended is not touched"
        launcher.collect(handle)

    def test_a_job_that_is_refused_has_failed_and_says_why(self, launcher: Launcher, tmp_path: Path) -> None:
        task = self._task(tmp_path, "1")
        handle = launcher.submit([task._replace(spec=task.spec.model_copy(update={"base_model": "/nowhere"}))])
        assert _ended(launcher, handle).phase is Phase.FAILED
        assert "/nowhere" in launcher.logs(handle, "1").strip().splitlines()[-1]
        assert not self._store(tmp_path).has("v1")
        launcher.collect(handle)

    def test_of_several_tasks_one_that_fails_costs_no_other(self, launcher: Launcher, tmp_path: Path) -> None:
        first, second = self._task(tmp_path, "1"), self._task(tmp_path, "2")
        places.remove(first.spec.data)
        handle = launcher.submit([first, second])
        _ended(launcher, handle)
        assert (self._store(tmp_path).has("v1"), self._store(tmp_path).has("v2")) == (False, True)
        launcher.collect(handle)

    def test_a_job_that_is_cancelled_ends(self, launcher: Launcher, tmp_path: Path) -> None:
        handle = launcher.submit([self._task(tmp_path, "1", Recipe.AUTO)])
        assert launcher.poll(handle).phase is Phase.RUNNING
        launcher.cancel(handle)
        assert _ended(launcher, handle).phase is Phase.FAILED
        launcher.cancel(handle)  # nothing happens
        launcher.collect(handle)

    def test_nobody_strays_where_nothing_was_started(self, launcher: Launcher) -> None:
        assert launcher.end_strays("nobody's") == 0

    def _store(self, tmp_path: Path) -> Store:
        return Store(self.place(tmp_path), tmp_path / "cache")

    def _task(self, tmp_path: Path, name: str, recipe: Recipe = Recipe.NAMES) -> Task:
        base, place = tmp_path / "base", self.place(tmp_path)
        if not base.exists():
            small_model(base)
        data = f"{place}/data-{name}.jsonl"
        rows: Sequence[str] = [row.model_dump_json() for row in labelled_texts(60, Part.TRAIN)]
        places.write(data, "\n".join(rows).encode())
        spec = JobSpec(
            version=f"v{name}", question=TOPIC, data=data, output=f"{place}/v{name}", recipe=recipe, threads=1,
            failure=f"{place}/failed-{name}.json", base_model=str(base), device="cpu", artefact=False,
        )  # fmt: skip
        return Task(name, spec)


def _ended(launcher: Launcher, handle: str) -> State:
    return _until(lambda: state if (state := launcher.poll(handle)).phase is not Phase.RUNNING else None)


def _until(condition: Callable[[], State | None]) -> State:
    deadline = time.monotonic() + PATIENCE
    while (found := condition()) is None:
        assert time.monotonic() < deadline, "it did not end in time"
        time.sleep(0.1)
    return found
