"""Labelwheel's web process and the stock design, each under gunicorn as their users run them, and what they get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.engines import sockets
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import CheckpointRow, Project, ProjectState, QuestionRow
from labelwheel.backend.projects import generations
from labelwheel.training.checkpoints import checkpoint
from testkit.server import free_port

REFERENCE = "1.99"


def config(labels: Iterable[str]) -> str:
    """The label config of one choice."""
    choices = "".join(f'<Choice value="{label}"/>' for label in labels)
    return f'<View><Text name="text" value="$text"/><Choices name="topic" toName="text">{choices}</Choices></View>'


def body(texts: Iterable[str], config: str) -> bytes:
    """What Label Studio sends."""
    tasks = [{"id": number, "data": {"text": text}} for number, text in enumerate(texts)]
    return json.dumps({"tasks": tasks, "project": REFERENCE, "label_config": config, "params": {}}).encode()


def set_up(database: Database, folder: Path) -> None:
    """The tables, and a project that one checkpoint serves."""
    manifest = checkpoint.read(folder).manifest
    database.migrate()
    with database.transaction() as tx:
        project = Project(
            tool="label-studio", url="http://tool.test", external_id="1", api_key="none", reference=REFERENCE,
            title="Messages", service_url="http://here.test", state=ProjectState.CONNECTED,
        )  # fmt: skip
        tx.add(project)
        tx.flush()
        question = QuestionRow(project_id=project.id, name="topic", spec=manifest.question.model_dump(mode="json"))
        tx.add(question)
        tx.flush()
        row = CheckpointRow(
            question_id=question.id, version=manifest.version, folder=folder.name, recipe="names", label_count=0,
            metric="accuracy", score=None, low=None, high=None, kind="choice", digest=manifest.question.digest,
        )  # fmt: skip
        tx.add(row)
        tx.flush()
        question.champion_id = row.id
        tx.flush()
        generations.create(tx, project, "a benchmark")


@contextmanager
def labelwheel(home: Path, folder: Path, threads: int | None = None, engine: str = "auto") -> Iterator[int]:
    """The web process alone, serving one checkpoint to one project; its port."""
    home.mkdir(exist_ok=True)
    url = f"sqlite:///{home / 'labelwheel.db'}"
    database = Database(url)
    set_up(database, folder)
    database.dispose()
    with web(home, folder, url, threads, engine) as port:
        yield port


@contextmanager
def web(home: Path, folder: Path, url: str, threads: int | None = None, engine: str = "auto") -> Iterator[int]:
    """One web process on a database that was set up; its port."""
    port = free_port()
    settings = {
        "HOME": str(home), "DATABASE": url, "STORE": str(folder.parent), "PORT": str(port), "LOG_LEVEL": "WARNING",
        "DEVICE": "cpu", "SECRET_KEY": "0" * 64, "ENGINE": engine,
    }  # fmt: skip
    if threads:
        settings["SERVING_THREADS"] = str(threads)
    environment = {f"LABELWHEEL_{name}": value for name, value in settings.items()}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "true"}
    with _running(["-c", "python:labelwheel.backend.processes.gunicorn_conf"], environment, port):
        yield port


@contextmanager
def stock(folder: Path, device: str = "cpu", keeps: bool = False) -> Iterator[int]:
    """The design of label-studio-ml 2.x, which loads its model for each request unless it `keeps` it; its port."""
    port = free_port()
    environment = {"STOCK_MODEL": str(folder), "STOCK_DEVICE": device, "STOCK_KEEPS": str(int(keeps))}
    environment |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    command = [
        "--workers", "1", "--threads", "8", "--timeout", "0", "--keep-alive", "15", "--bind", f"127.0.0.1:{port}",
        "--log-level", "warning", "benchmarks.stock:app",
    ]  # fmt: skip
    with _running(command, environment, port):
        yield port


@contextmanager
def _running(arguments: list[str], environment: Mapping[str, str], port: int) -> Iterator[None]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LABELWHEEL_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *arguments], env={**inherited, **environment}, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if sockets.Client(port).predict(body(["Where is my parcel?"], config("a"))):
                    break
            except (OSError, RuntimeError):
                if time.monotonic() > deadline or process.poll() is not None:
                    sys.exit(f"gunicorn {' '.join(arguments)} does not answer")
                time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait(30)
