"""A search with real jobs and a real worker, both killed with -9: it ends as if nothing had been."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Project, ProjectState, QuestionRow, Round, TrialRow, TuningRow
from labelwheel.backend.ledger import intake
from labelwheel.backend.rounds import launchers
from labelwheel.backend.settings import Settings
from labelwheel.backend.tuning import tuning_commands
from labelwheel.plugins.connector import Page, Work
from labelwheel.training.launchers.local import Handle
from labelwheel.training.questions import Example
from tests.backend.worker.test_process import worker
from tests.training.models import WORDS, choice, tiny_bert

ENVIRONMENT = {"FINE_TUNING": "false", "JOB_THREADS": "1", "MAX_LENGTH": "32", "ARTEFACT": "false", "INSPECT": "false"}


class Home:
    """A service's home with labelled texts, and nobody at work yet."""

    def __init__(self, folder: Path) -> None:
        self.environment = {**ENVIRONMENT, "HOME": str(folder / "home"), "FIRST_ROUND": "100000"}
        self.environment["BASE_MODEL"] = str(tiny_bert(folder / "base"))
        self.settings = Settings(home=folder / "home")
        keys = keyring.make(self.settings)
        self.database = Database(self.settings.database_url)
        self.database.migrate(keys)
        with self.database.transaction() as tx:
            project = Project(
                id=1, tool="nobody", url="http://nobody.invalid", external_id="1", api_key=keys.seal("key"),
                service_url="", reference="1", state=ProjectState.CONNECTED,
            )  # fmt: skip
            tx.add(project)
            tx.flush()
            tx.add(QuestionRow(id=1, project_id=1, name="intent", spec=choice().model_dump(mode="json")))
        texts = [
            (f"{text}, {chr(97 + n) * 7} {n**5}", label) for n in range(8) for label in WORDS for text in WORDS[label]
        ]
        examples = tuple(Example(key=str(n), fields={"text": text}) for n, (text, _) in enumerate(texts))
        work = tuple(
            Work(key=str(n), example=str(n), annotator="ann", updated_at=datetime.now(UTC), answers={"intent": label})
            for n, (_, label) in enumerate(texts)
        )
        page = Page(examples=examples, work=work, refreshed=tuple(each.key for each in examples), cursor="1")
        with self.database.session() as session:
            prepared = intake.prepare(session, 1, page)
        with self.database.transaction() as tx:
            intake.take(tx, 1, prepared)

    @property
    def search(self) -> TuningRow:
        with self.database.session() as session:
            return session.get_one(TuningRow, 1)

    @property
    def trials(self) -> list[TrialRow]:
        with self.database.session() as session:
            return list(session.scalars(select(TrialRow).order_by(TrialRow.number)))

    @property
    def job(self) -> int | None:
        """The process that measures trials now."""
        handle = self.search.handle
        return None if handle is None else Handle.model_validate_json(handle).pid

    def until(self, condition: Callable[[], object], lines: list[str], seconds: float = 500.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.search.__dict__, lines[-30:])
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a dozen real jobs, on a machine that may be busy
def test_a_search_goes_on_where_its_killed_worker_and_its_killed_job_left_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.database.transaction() as tx:
        tuning_commands.order(tx, 1, 600.0, trials=2)
    with worker(**home.environment) as (process, lines):
        home.until(lambda: any(each.of is None and each.role == "search" for each in home.trials) and home.job, lines)
        orphan = home.job
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    before = [(each.number, each.params) for each in home.trials]
    assert orphan is not None
    assert psutil.pid_exists(orphan), "a job outlives its worker"
    with worker(**home.environment) as (process, lines):
        home.until(lambda: home.job not in (None, orphan) or home.search.state == "done", lines)
        kept = [each for each in home.trials if each.number in dict(before) and each.values]
        assert len(kept) >= 4, "what the orphan measured is taken in"
        victim = home.job
        if victim is not None:
            os.kill(victim, signal.SIGKILL)
        home.until(lambda: home.search.state not in ("queued", "running"), lines)
        home.until(lambda: home.search.tidy, lines)
    row, trials = home.search, home.trials
    assert row.state == "done", row.reason
    assert row.verdict is not None
    assert [each.number for each in trials] == list(range(len(trials)))
    assert [(each.number, each.params) for each in trials[: len(before)]] == before
    assert sum(each.role == "search" and each.of is None for each in trials) == 2
    assert 0 < row.spent < 600
    assert not list(launchers.folder(home.settings).glob("tuning-*"))
    assert not [name for name in home.settings.checkpoints.names() if name.startswith("tuning-")]
    with home.database.session() as session:
        rounds = session.scalars(select(Round).where(Round.trigger == "tuning")).all()
    assert [each.id for each in rounds] == ([row.round_id] if row.verdict["worth"] else [])
    home.database.dispose()
