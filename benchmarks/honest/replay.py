"""How near `labelwheel replay` comes to really running: a service, its worker and an annotator, policy by policy.

One project is recorded under the first policy. Its ledger is replayed as it was (are the checkpoints the same bits?)
and under each other policy, which is then run for real as well, with the same texts in the same order. What is compared
is the accepted share of all labels and the accuracy at the end, on test texts that nobody labels. Only the labelling
tool is none: it is the one in memory of `labelwheel.plugins.testing`.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from werkzeug.serving import make_server

from benchmarks.common import data_folder, jsonl, machine, save
from labelwheel.backend.app import create_app
from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Decision, Label, ProjectState, Round
from labelwheel.backend.projects import connectors, generations, projects
from labelwheel.backend.replay import ledger_source
from labelwheel.backend.replay.policies import RECORDED, Policy, parse
from labelwheel.backend.replay.recording import Recording
from labelwheel.backend.replay.simulation import Simulation
from labelwheel.backend.settings import load
from labelwheel.backend.web.client import Client
from labelwheel.backend.worker.main import run as work
from labelwheel.plugins.testing.fake_tool import FakeConnector, Tool
from labelwheel.training.questions import Example, Kind, Option, Question

POLICIES = ("growth=0.25", "growth=1,first_round=32", "fast_lane=false")
POOL, TESTS, PAUSE = 400, 300, 2.0
SHARED = {"BLIND": "0", "JOB_THREADS": "1", "FINE_TUNING": "false", "ARTEFACT": "false", "POLL_SECONDS": "0.5"}
ACTIVE = ("queued", "running", "gating")


def run(data: str | None, labels: int, seed: int, policies: Sequence[str] = POLICIES) -> dict[str, Any]:
    """Prints and keeps the figures of one seed."""
    console, runs = Console(), list[dict[str, Any]]()
    train, test = (jsonl(data_folder(data, "snips") / f"{part}.jsonl") for part in ("train", "test"))
    chance = random.Random(seed)
    pool, tests = chance.sample(train, POOL), chance.sample(test, TESTS)
    first, *others = policies

    def keep(found: dict[str, Any]) -> None:
        runs.append(found)
        console.print({name: found[name] for name in ("policy", "really", "accepted_share", "final")})
        save(f"honest-replay-{seed}", {"machine": machine(), "labels": labels, "seed": seed, "runs": runs})

    with tempfile.TemporaryDirectory() as home, _environment(first, Path(home)):
        keep(_really(first, pool, tests, labels))
        found = ledger_source.read(load(), "1", None)
        recording = replace(found, tests=[(_test(place, row), row["label"]) for place, row in enumerate(tests)])
        keep(_replayed(recording, Policy(RECORDED, recorded=True)))
        for text in others:
            keep(_replayed(recording, parse(text)))
    for text in others:
        with tempfile.TemporaryDirectory() as home, _environment(text, Path(home)):
            keep(_really(text, pool, tests, labels))
    _show(runs, console)
    return {"runs": runs}


def _really(policy: str, pool: list[dict[str, Any]], tests: list[dict[str, Any]], labels: int) -> dict[str, Any]:
    """Somebody labels, and looks at each text's suggestion first; what came of it."""
    tool = Tool(questions=(_question(pool),), page_size=100)
    keys = tool.add(*(row["text"] for row in pool))
    url = f"http://replay{os.urandom(4).hex()}"
    FakeConnector.tools[url] = tool
    accepted, begun = list[bool](), time.monotonic()
    with _service(url) as (database, client):
        for key, row in list(zip(keys, pool, strict=True))[:labels]:
            accepted.append(_said(client, [Example(key=key, fields={"text": row["text"]})]) == [row["label"]])
            tool.submit(key, {"intent": row["label"]})
            time.sleep(PAUSE)
        seconds = time.monotonic() - begun
        _until(lambda: _settled(database, labels), 1200)
        said = _said(client, [_test(place, row) for place, row in enumerate(tests)])
        with database.session() as session:
            rounds = [
                {"version": row.version, "recipe": row.recipe, "labels": row.label_count, "state": row.state}
                for row in session.scalars(select(Round).order_by(Round.id))
            ]
            decisions = [f"{row.kind}: {row.reason}" for row in session.scalars(select(Decision).order_by(Decision.id))]
    return {
        "policy": policy, "really": True, "accepted": accepted, "accepted_share": sum(accepted) / len(accepted),
        "final": sum(one == row["label"] for one, row in zip(said, tests, strict=True)) / len(tests),
        "seconds": round(seconds), "rounds": rounds, "decisions": decisions,
    }  # fmt: skip


@contextlib.contextmanager
def _service(url: str) -> Iterator[tuple[Database, Client]]:
    """Web process and worker of one project, in threads, with jobs in processes; until everything is suggested."""
    settings = load()
    database = Database(settings.database_url)
    database.migrate(keyring.make(settings))
    app = create_app(settings)
    server = make_server("127.0.0.1", settings.port, app, threaded=True)
    stop = threading.Event()
    threads = [threading.Thread(target=server.serve_forever), threading.Thread(target=work, args=(settings, stop))]
    for thread in threads:
        thread.start()
    try:
        with database.transaction() as tx:
            projects.register(tx, settings, "fake", url, "1", "key", settings.url)
        _until(lambda: _served(database), 600)
        yield database, Client(settings.url, settings.token)
    finally:
        stop.set()
        threads[1].join()
        server.shutdown()
        threads[0].join()
        app.extensions["labelwheel"].stop()
        database.dispose()


def _served(database: Database) -> bool:
    with database.session() as session:
        project = projects.get(session, 1)
        generation = generations.of(session, project)
        return project.state == ProjectState.CONNECTED and generation is not None and bool(generation.members)


def _settled(database: Database, labels: int) -> bool:
    """All labels are in, and for a while no round is under way or due."""
    for _ in range(8):
        with database.session() as session:
            there = len(session.scalars(select(Label.id)).all())
            if there < labels or session.scalar(select(Round.id).where(Round.state.in_(ACTIVE))):
                return False
        time.sleep(1.0)
    return True


def _said(client: Client, examples: list[Example]) -> list[Any]:
    """What is suggested at this moment, by the newest heads."""
    answer = client.suggest(1, [one.model_dump(mode="json") for one in examples])
    said = {each["key"]: each["predictions"].get("intent", {}).get("answer") for each in answer["suggestions"]}
    return [said[one.key] for one in examples]


def _until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s")
        time.sleep(0.5)


def _replayed(recording: Recording, policy: Policy) -> dict[str, Any]:
    begun = time.monotonic()
    with Simulation(recording, policy, len(recording.events), load().checkpoints) as simulation:
        found = simulation.run()
    return {
        "policy": policy.name, "really": False, "accepted": found.accepted, "accepted_share": found.share(),
        "final": found.final, "rounds": [vars(each) for each in found.rounds], "counts": found.counts(),
        "curve": [point._asdict() for point in found.curve],
        "identity": [each._asdict() for each in found.identity], "cpu_seconds": round(found.cpu_seconds),
        "seconds": round(time.monotonic() - begun),
    }  # fmt: skip


def _test(place: int, row: dict[str, Any]) -> Example:
    return Example(key=f"test {place}", fields={"text": row["text"]})


def _question(pool: list[dict[str, Any]]) -> Question:
    options = tuple(Option(value=label) for label in sorted({row["label"] for row in pool}))
    return Question(name="intent", kind=Kind.CHOICE, inputs=("text",), options=options)


@contextlib.contextmanager
def _environment(policy: str, home: Path) -> Iterator[None]:
    """The settings of one run, and the labelling tool in memory as the one that is installed."""
    before, installed, port = dict(os.environ), connectors._installed, random.randint(20_000, 30_000)
    given = {**SHARED, **{name.upper(): value for name, value in parse(policy).changed.items()}}
    given |= {"HOME": str(home), "PORT": str(port), "URL": f"http://127.0.0.1:{port}"}
    os.environ.update({f"LABELWHEEL_{name}": value for name, value in given.items()})
    entry = EntryPoint(name="fake", value="labelwheel.plugins.testing.fake_tool:FakeConnector", group=connectors.GROUP)
    connectors._installed = lambda: {"fake": entry}  # type: ignore[assignment]
    try:
        yield
    finally:
        connectors._installed = installed
        os.environ.clear()
        os.environ.update(before)


def _show(runs: list[dict[str, Any]], console: Console) -> None:
    table = Table("policy", "", "rounds", "accepted", "accuracy at the end", "bit-identical")
    for each in runs:
        known = [one["files"] for one in each.get("identity", ()) if one["files"] is not None]
        trained = [one for one in each["rounds"] if one["recipe"] != "names"]
        table.add_row(
            each["policy"], "really" if each["really"] else "replayed", str(len(trained)),
            f"{each['accepted_share']:.3f}", f"{each['final']:.3f}", f"{sum(known)} of {len(known)}" if known else "",
        )  # fmt: skip
    console.print(table)
