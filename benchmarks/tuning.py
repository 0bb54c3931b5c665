"""What a search for better settings is worth: `python -m benchmarks.tuning --data FOLDER --sets trec6 sst2 btc`.

Random labels of each set come into a ledger of their own, which holds a fifth of them out, as ever. A search of so many
minutes of jobs runs on them as in the product: its tuner, its jobs, its rows in a database. Then one job learns by the
defaults and one by the best settings that the search has found, whatever its verdict, both from the same labels; both
answer the test part (of choices accuracy, of spans strict F1). What a project would be served is the second where the
verdict says that it is worth it, and the first elsewhere; the gate, which then asks again, is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import texts
from benchmarks.common import machine, save
from benchmarks.labels import span_sets
from labelwheel.backend.commands.durations import seconds_of
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Project, ProjectState, QuestionRow, Round, RoundState, TuningRow
from labelwheel.backend.ledger import intake
from labelwheel.backend.rounds import data, jobs, launchers
from labelwheel.backend.settings import Settings
from labelwheel.backend.tuning import tuning_commands
from labelwheel.backend.tuning.tuner import Tuner
from labelwheel.backend.views import tuning as view
from labelwheel.plugins.connector import Page, Work
from labelwheel.training.kinds import kind_of
from labelwheel.training.launchers import child
from labelwheel.training.launchers.base import Phase, Task
from labelwheel.training.launchers.local import Handle, LocalLauncher
from labelwheel.training.model import Model
from labelwheel.training.questions import Answer, Example, Question
from labelwheel.training.spec import JobSpec, Tuned

SPANS = ("btc", "wnut17", "ncbi_disease")
TESTS, PAGE = 700, 100


class Drawn(NamedTuple):
    """What one draw learns from, and what it is measured on."""

    question: Question
    labelled: Sequence[tuple[Example, Answer]]
    tests: Sequence[tuple[Example, Answer]]


def draw(folder: str | None, name: str, count: int, seed: int) -> Drawn:
    """`count` labels of a set."""
    if name in SPANS:
        found = span_sets.draw(folder, name, count, seed)
        labelled = list(zip(found.examples, found.answers, strict=True))
        return Drawn(found.question, labelled, list(zip(found.tests, found.golds, strict=True)))
    question, pool, tests = texts.apart(folder, name)
    chance = np.random.default_rng(seed)
    chosen = [pool[place] for place in chance.permutation(len(pool))[:count]]
    tests = [tests[place] for place in np.random.default_rng(0).permutation(len(tests))[:TESTS]]
    return Drawn(question, *([(row.example, row.answer) for row in rows] for rows in (chosen, tests)))


class Equal(LocalLauncher):
    """Trials get as much of the machine as whatever else runs on it, for that is no part of what is measured."""

    def submit(self, tasks: Sequence[Task]) -> str:
        handle = super().submit(tasks)
        leader = Handle.model_validate_json(handle).pid
        for _ in range(20):  # a job lowers its own priority as it begins
            child.lower(leader, 0)
            time.sleep(0.1)
        return handle


class Stage:
    """A project with the labels of one draw, and the tuner that works for it."""

    def __init__(self, home: Path, drawn: Drawn, threads: int) -> None:
        self.settings = Settings(home=home, job_threads=threads, artefact=False, max_length=128, device="cpu")
        home.mkdir(parents=True, exist_ok=True)
        self.database = Database(self.settings.database_url)
        self.database.migrate()
        self.hold = Hold(self.database)
        if not self.hold.acquire():
            sys.exit(f"another benchmark works in {home}")
        self.launcher = Equal(str(launchers.folder(self.settings)), threads=threads, withheld=launchers.WITHHELD)
        self.question = drawn.question
        with self.database.session() as session:
            planted = session.get(Project, 1) is not None
        if not planted:
            self._plant(drawn)
        self.tuner = Tuner(self.hold, self.settings, self.launcher)

    def _plant(self, drawn: Drawn) -> None:
        with self.hold.transaction() as tx:
            project = Project(
                id=1, tool="benchmark", url="http://benchmark.invalid", external_id="1", api_key="", service_url="",
                reference="1", title="benchmark", state=ProjectState.CONNECTED,
            )  # fmt: skip
            tx.add(project)
            tx.flush()
            spec = drawn.question.model_dump(mode="json")
            tx.add(QuestionRow(id=1, project_id=1, name=drawn.question.name, spec=spec))
        for start in range(0, len(drawn.labelled), PAGE):
            part = drawn.labelled[start : start + PAGE]
            work = tuple(
                Work(key=example.key, example=example.key, annotator="ann", updated_at=datetime.now(UTC),
                     answers={drawn.question.name: answer})
                for example, answer in part
            )  # fmt: skip
            page = Page(
                examples=tuple(example for example, _ in part), work=work,
                refreshed=tuple(example.key for example, _ in part), cursor=str(start),
            )  # fmt: skip
            with self.database.session() as session:
                prepared = intake.prepare(session, 1, page)
            with self.hold.transaction() as tx:
                intake.take(tx, 1, prepared)

    def search(self, budget: float, trials: int | None, seed: int) -> dict[str, Any]:
        """A whole one; what the page and the report have of it."""
        with self.hold.transaction() as tx:
            number = tuning_commands.order(tx, 1, budget, trials, "the benchmark").id
        said = 0
        while True:
            wait = self.tuner.step()
            with self.database.session() as session:
                row = session.get_one(TuningRow, number)
                if row.state not in ("queued", "running"):
                    found = view.read(session, session.get_one(QuestionRow, 1))
                    break
            if row.spent - said >= 60:
                said = int(row.spent)
                print(f"  {row.spent:.0f} of {row.budget:.0f} s", file=sys.stderr)
            self.hold.renew()
            time.sleep(wait)
        with self.hold.transaction() as tx:  # the round that was ordered is not what is measured here
            for each in tx.query(Round).filter(Round.state == RoundState.QUEUED):
                each.state = RoundState.CANCELLED
        self.tuner.step()
        return found

    def learnt(self, name: str, tuned: dict[str, Any] | None) -> Model:
        """By one job on the training side and the held-out one, as a round's is."""
        place = jobs.folder(self.settings, 0).with_name(name)
        place.mkdir(parents=True, exist_ok=True)
        with self.database.session() as session:
            question = session.get_one(QuestionRow, 1)
            data.write(session, question, None, place / jobs.DATA)
        settings = None if tuned is None else Tuned.model_validate(tuned)
        spec: JobSpec = jobs.general(self.settings, self.question, name, settings).model_copy(
            update={"data": str(place / jobs.DATA), "seed": self.settings.seed}
        )
        if not self.settings.checkpoints.has(name):
            handle = self.launcher.submit([Task(name, spec)])
            while (state := self.launcher.poll(handle)).phase is Phase.RUNNING:
                self.hold.renew()
                time.sleep(0.5)
            if state.phase is Phase.FAILED:
                sys.exit(f"the job failed:\n{self.launcher.logs(handle, name)[-2000:]}")
        return Model.load(spec.output, device="cpu")


def score(model: Model, drawn: Drawn) -> float:
    """On the test part."""
    kind, examples = kind_of(drawn.question), [example for example, _ in drawn.tests]
    found = model.predict(drawn.question, examples)
    scores = [
        kind.score(drawn.question, example, drawn.question.comparable(answer, example), one)
        for (example, answer), one in zip(drawn.tests, found, strict=True)
    ]
    if drawn.question.values and all(score.loss in (0, 1) for score in scores):
        return round(1 - sum(score.loss for score in scores) / len(scores), 4)
    return round(kind.headline(scores), 4)


def run(arguments: argparse.Namespace, name: str, seed: int, home: Path) -> dict[str, Any]:
    """One search, and both jobs."""
    drawn = draw(arguments.data, name, arguments.labels, seed)
    stage = Stage(home, drawn, arguments.threads)
    began = time.monotonic()
    found = stage.search(seconds_of(arguments.budget), arguments.trials, seed)
    seconds = time.monotonic() - began
    search = found["searches"][0]
    verdict, best = search["verdict"] or {}, search["tuned"]
    usual = score(stage.learnt("defaults", None), drawn)
    tuned = score(stage.learnt("tuned", best["settings"]), drawn) if best else None
    worth = bool(verdict.get("worth"))
    return {
        "set": name, "seed": seed, "labels": arguments.labels, "budget": seconds_of(arguments.budget),
        "seconds": round(seconds, 1), "spent": round(search["spent"], 1), "trials": search["counted"],
        "worth": worth, "reason": search["reason"], "best": best["words"] if best else None, "verdict": verdict,
        "importances": search["importances"], "defaults": usual, "best_found": tuned,
        "served": tuned if worth else usual,
        "history": [
            {key: row[key] for key in ("number", "role", "became", "rung", "settings", "value", "score", "seconds")}
            for row in found["trials"]
        ],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=["trec6", "sst2", "btc"])
    parser.add_argument("--labels", type=int, default=300, help="a fifth of them is held out")
    parser.add_argument("--budget", default="20m", help="of jobs, for each search")
    parser.add_argument("--trials", type=int, help="at most so many")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", help="a folder in which each search goes on where it was when it is killed")
    parser.add_argument("--name", default="tuning", help="what the figures are kept under")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in arguments.sets:
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory(prefix="labelwheel-tuning-") as scratch:
                home = Path(arguments.keep or scratch) / f"{name}-{seed}"
                print(f"{name}, seed {seed}", file=sys.stderr)
                runs.append(run(arguments, name, seed, home))
            brief = {key: value for key, value in runs[-1].items() if key not in ("history", "importances", "verdict")}
            print(json.dumps(brief), file=sys.stderr)
            save(arguments.name, {"machine": machine(), "threads": arguments.threads, "runs": runs})
    table = Table("set", "trials", "defaults", "best found", "served", "difference", "what was said")
    for each in runs:
        best = "–" if each["best_found"] is None else f"{each['best_found']:.3f}"
        change = f"{each['served'] - each['defaults']:+.3f}"
        usual, served = (f"{each[key]:.3f}" for key in ("defaults", "served"))
        table.add_row(each["set"], str(each["trials"]), usual, best, served, change, each["reason"])
    Console().print(table)


if __name__ == "__main__":
    main()
