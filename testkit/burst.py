"""People who go on labelling through an outage of Label Studio: they submit, edit, delete and skip, and retry."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from testkit import truth
from testkit.stage import Stage

RETRY_SECONDS = 0.5


@dataclass
class Burst:
    """What was done: how often each action went through, and how many calls failed and were tried again."""

    done: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    down_seconds: float = 0.0


def through_an_outage(stage: Stage, labels: int, down_seconds: float, pause: float = 0.0, seed: int = 1) -> Burst:
    """Submit so many labels, with edits, deletions and skips between them; Label Studio is down in the middle."""
    burst, chance = Burst(), random.Random(seed)
    colleague = stage.studio.create_user(f"colleague{stage.project}@labelwheel.example")
    mine: list[tuple[int, int]] = []  # (annotation, task)
    halfway = threading.Event()

    def retrying(what: str, call: Callable[[], Any]) -> Any:
        while True:
            try:
                answer = call()
            except (requests.RequestException, AssertionError):
                burst.retries += 1
                time.sleep(RETRY_SECONDS)
            else:
                burst.done[what] += 1
                return answer

    def people() -> None:
        while burst.done["submit"] < labels:
            if burst.done["submit"] >= labels // 2:
                halfway.set()
            (task,) = stage.take(1)
            more = {"completed_by": colleague} if chance.random() < 0.2 else {}
            made = retrying(
                "submit", lambda task=task, more=more: stage.studio.submit(task, stage.gold(stage.data[task]), **more)
            )
            mine.append((int(made["id"]), task))
            kind = chance.random()
            if kind < 0.2:
                annotation, task = chance.choice(mine)
                other = stage.gold(chance.choice(list(stage.data.values())))  # an answer that belongs to another text
                fits = [one for one in other if one["value"].get("end", 0) <= len(stage.data[task]["text"])]
                retrying("edit", lambda a=annotation, r=fits: stage.studio.update(a, result=r))
            elif kind < 0.3:
                annotation, _ = mine.pop(chance.randrange(len(mine)))
                retrying("delete", lambda a=annotation: _gone(stage, a))
            elif kind < 0.4:
                (task,) = stage.take(1)
                retrying("skip", lambda task=task: stage.studio.skip(task))
            time.sleep(pause)
        halfway.set()

    worker = threading.Thread(target=people, daemon=True)
    worker.start()
    halfway.wait()
    began = time.monotonic()
    stage.studio.stop()
    time.sleep(down_seconds)
    stage.studio.start()
    burst.down_seconds = time.monotonic() - began
    while worker.is_alive():
        worker.join(1)
    return burst


def apart(stage: Stage) -> dict[Any, Any]:
    """Where Label Studio and the ledger do not agree."""
    return truth.difference(truth.labelled(stage.studio, stage.project), truth.ledger(stage.wheel, stage.number))


def _gone(stage: Stage, annotation: int) -> None:
    """Delete an annotation; one that is gone already, since an answer was lost, is fine."""
    try:
        stage.studio.delete_annotation(annotation)
    except AssertionError as error:
        if ": 404 " not in str(error):
            raise
