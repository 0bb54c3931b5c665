"""A connected project with labels enough, and the tuner that works on its searches."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import undefer

from labelwheel.backend.database.tables import TrialRow, TuningRow
from labelwheel.backend.tuning import tuning_commands
from labelwheel.backend.tuning.tuner import Tuner
from tests.backend.fake_trials import Error, TrialLauncher, as_usual
from tests.backend.world import World


class Stage:
    """The worker that runs now has one tuner; `start` brings up the next."""

    def __init__(self, world: World, labels: int = 120, error: Error = as_usual) -> None:
        self.world = world
        self.launcher = world.launcher = TrialLauncher(error)
        world.tool.page_size = 200
        world.settings = world.settings.model_copy(update={"growth": 10.0, "max_new": 10_000})
        world.start()
        world.connect()
        world.settle()
        world.label(labels)
        world.settle()
        self.start()

    def start(self) -> None:
        self.tuner = Tuner(self.world.hold, self.world.settings, self.launcher)

    def order(self, budget: float = 600.0, trials: int | None = None) -> int:
        with self.world.database.transaction() as tx:
            return tuning_commands.order(tx, self.world.question().id, budget, trials, "Ann").id

    def step(self) -> None:
        self.tuner.step()

    def until(self, condition: Callable[[], object], steps: int = 500) -> None:
        for _ in range(steps):
            if condition():
                return
            self.step()
        raise AssertionError(f"still not after {steps} steps: {self.row.__dict__}")

    def search(self, budget: float = 600.0, trials: int | None = 12) -> TuningRow:
        """A whole one, up to its end."""
        self.order(budget, trials)
        self.until(lambda: self.row.state not in ("queued", "running") and self.row.tidy)
        return self.row

    @property
    def row(self) -> TuningRow:
        with self.world.database.session() as session:
            return session.scalars(select(TuningRow).order_by(TuningRow.id.desc())).first()  # type: ignore[return-value]

    @property
    def trials(self) -> list[TrialRow]:
        with self.world.database.session() as session:
            query = select(TrialRow).where(TrialRow.tuning_id == self.row.id).order_by(TrialRow.number)
            return list(session.scalars(query.options(undefer(TrialRow.losses))))
