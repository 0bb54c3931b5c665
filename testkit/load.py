"""Clients that ask as Label Studio does, and a checker that knows what each answer had to be.

The checker loads the checkpoints of the version that an answer claims and computes the answer again, so that an answer
of another version, or one that mixes two, cannot pass for the right one. It takes the engine that serves them, for int8
says something else than torch: but neither queue, cache nor hot swap. An answer is the same in any batch, so that one
computed here is the one that had to come.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import requests

from demo import messages
from labelwheel.backend.serving.engine import Loaded
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.feature_store import rounded
from labelwheel.training.questions import Example, Prediction
from testkit import truth
from testkit.stage import Stage

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Answer:
    """One /predict: what was announced before, what was asked, what came. `error` tells what failed, if anything."""

    began: float
    seconds: float
    announced: str | None
    texts: tuple[str, ...]
    results: list[dict[str, Any]]
    error: str | None
    setup_seconds: float


class Load:
    """So many clients at once, from the start of the block to its end. `answers` has all that they got."""

    def __init__(self, stage: Stage, clients: int = 8, pause: float = 0.01) -> None:
        self._stage, self._clients, self._pause = stage, clients, pause
        self._body = stage.request([])
        self._texts = [row["text"] for row in messages.rows()]
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.answers: list[Answer] = []

    def __enter__(self) -> Load:
        for number in range(self._clients):
            self._threads.append(threading.Thread(target=self._client, args=(number,), daemon=True))
            self._threads[-1].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)

    def _client(self, number: int) -> None:
        chance, turn = random.Random(number), itertools.count()
        with requests.Session() as session:
            session.auth = ("labelwheel", self._stage.wheel.token)
            while not self._stop.is_set():
                self.answers.append(self._turn(session, self._choose(chance, number, next(turn))))
                time.sleep(self._pause)

    def _choose(self, chance: random.Random, client: int, turn: int) -> tuple[str, ...]:
        """Mostly one task, as the label stream asks; texts of one word to many lines, half of them new each time."""
        count = 1 if chance.random() < 0.8 else chance.randint(2, 12)
        found = []
        for each in range(count):
            text = "\n".join(chance.choices(self._texts, k=1 if chance.random() < 0.8 else 4))
            found.append(text if chance.random() < 0.5 else f"{text} #{client}.{turn}.{each}")
        return tuple(found)

    def _turn(self, session: requests.Session, texts: tuple[str, ...]) -> Answer:
        url, began = self._stage.wheel.url, time.monotonic()
        announced, results, error, told = None, [], None, began
        try:
            said = session.post(f"{url}/setup", json={"project": self._body["project"]}, timeout=60)
            told = time.monotonic()
            said.raise_for_status()
            announced = str(said.json()["model_version"])
            tasks = [{"id": number, "data": {"text": text}} for number, text in enumerate(texts)]
            answer = session.post(f"{url}/predict", json={**self._body, "tasks": tasks}, timeout=60)
            answer.raise_for_status()
            results = answer.json()["results"]
        except (requests.RequestException, ValueError, KeyError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        ended = time.monotonic()
        return Answer(told, ended - told, announced, texts, results, error, told - began)


class Checker:
    """Computes again what each version had to say."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._engine = ChosenEngine("auto", "cpu")
        self._models: dict[str, Loaded] = {}
        self._said: dict[tuple[str, str, str], list[Any]] = {}
        query = "SELECT name, members FROM generations WHERE project_id = ? ORDER BY id"
        found = truth.rows(stage.wheel, query, stage.number)
        self.order = {row["name"]: place for place, row in enumerate(found)}
        versions = {row["id"]: row["version"] for row in truth.rows(stage.wheel, "SELECT id, version FROM checkpoints")}
        self.members = {
            row["name"]: {question: versions[number] for question, number in json.loads(row["members"]).items()}
            for row in found
        }

    def check(self, answers: Sequence[Answer]) -> dict[str, Any]:
        """Counts of answers and of each kind of fault, with one example of each."""
        faults: dict[str, list[str]] = defaultdict(list)
        self._prepare(answers)
        for answer in answers:
            for kind, told in self._faults(answer):
                faults[kind].append(told)
        versions = {one["model_version"] for answer in answers for one in answer.results}
        return {
            "answers": len(answers),
            "results": sum(len(answer.results) for answer in answers),
            "versions": len(versions),
            **{kind: len(faults[kind]) for kind in ("failed", "incomplete", "mixed", "stale", "wrong")},
            "examples": {kind: found[0] for kind, found in faults.items() if found},
        }

    def went_back(self, answers: Sequence[Answer]) -> list[str]:
        """Versions that came after a later one: to a request that began when another, anybody's, had been answered.

        What /setup said counts as well.
        """
        told = [
            (answer.began - answer.setup_seconds, answer.began, answer.announced)
            for answer in answers
            if answer.announced
        ]
        told += [
            (answer.began, answer.began + answer.seconds, answer.results[0]["model_version"])
            for answer in answers
            if answer.results
        ]
        ended = sorted((end, self.order[version], version) for _, end, version in told)
        found, latest, place = list[str](), (-1, ""), 0
        for began, _, version in sorted(told):
            while place < len(ended) and ended[place][0] < began:
                latest = max(latest, ended[place][1:])
                place += 1
            if self.order[version] < latest[0]:
                found.append(f"{version} after {latest[1]}")
        return found

    def _faults(self, answer: Answer) -> list[tuple[str, str]]:
        if answer.error:
            return [("failed", answer.error)]
        if len(answer.results) != len(answer.texts):
            return [("incomplete", f"{len(answer.results)} results for {len(answer.texts)} tasks")]
        versions = {one["model_version"] for one in answer.results}
        if len(versions) > 1:
            return [("mixed", f"one answer names {sorted(versions)}")]
        (version,), found = versions, []
        if self.order[version] < self.order[str(answer.announced)]:
            found.append(("stale", f"{version} after {answer.announced} was announced"))
        for text, one in zip(answer.texts, answer.results, strict=True):
            wanted = [region for name in self.members[version] for region in self._expected(version, name, text)]
            if not _same(wanted, one["result"]):
                found.append(("wrong", f"{version} said {one['result']} to {text!r}, and had to say {wanted}"))
                break
        return found

    def _prepare(self, answers: Sequence[Answer]) -> None:
        """All texts of a checkpoint in one go, which is far faster than one by one."""
        wanted: dict[tuple[str, str], set[str]] = defaultdict(set)
        for answer in answers:
            for text, one in zip(answer.texts, answer.results, strict=False):
                for question, checkpoint in self.members[one["model_version"]].items():
                    wanted[question, checkpoint].add(text)
        for (question, checkpoint), texts in wanted.items():
            model, ordered = self._model(checkpoint), sorted(texts, key=len)
            for start in range(0, len(ordered), 16):
                chosen = ordered[start : start + 16]
                for text, prediction in zip(chosen, _answers(model, chosen), strict=True):
                    self._said[checkpoint, question, text] = _regions(question, prediction)

    def _expected(self, version: str, question: str, text: str) -> list[Any]:
        return self._said[self.members[version][question], question, text]

    def _model(self, checkpoint: str) -> Loaded:
        if checkpoint not in self._models:
            with tempfile.TemporaryDirectory() as cache:
                found = truth.store(self._stage.wheel, Path(cache)).read(checkpoint)
                self._models[checkpoint] = self._engine.load(found.folder)
        return self._models[checkpoint]


def swap_back_and_forth(
    stage: Stage, versions: Sequence[str], times: int, pause: float, question: str = "topic"
) -> None:
    """Roll back and forth between checkpoints; each time a new generation, waited for until it is served."""
    champion = next(each for each in stage.state()["questions"] if each["name"] == question)["champion"]["version"]
    for _ in range(times):
        champion = versions[(versions.index(champion) + 1) % len(versions)]
        path = f"/api/v1/projects/{stage.number}/questions/{question}/rollback"
        answer = stage.wheel.call("POST", path, json={"version": champion})
        assert answer.ok, answer.text
        stage.wheel.until(lambda: served(stage), 120, f"{champion} was not served")
        time.sleep(pause)


def served(stage: Stage) -> bool:
    """Whether what is decided is what is served."""
    version = stage.state()["version"]
    return bool(version["served"] == [version["current"]])


def latency(answers: Sequence[Answer]) -> dict[str, float]:
    """Milliseconds of single-task /predict and of /setup: median, 99th percentile and worst."""
    single = [answer.seconds * 1000 for answer in answers if len(answer.texts) == 1 and not answer.error]
    setup = [answer.setup_seconds * 1000 for answer in answers if not answer.error]
    return {
        f"{name}_{what}": round(value, 1)
        for name, times in (("predict", single), ("setup", setup))
        for what, value in spread(times).items()
    }


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and worst."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"p50": cuts[49], "p99": cuts[98], "worst": max(times)}


def _answers(model: Loaded, texts: Sequence[str]) -> list[Prediction]:
    asked = model.question
    examples = [Example(key=str(place), fields={asked.inputs[0]: text}) for place, text in enumerate(texts)]
    rows = model.encode(asked, examples)
    features = model.encoder.features(rows)
    if model.encoder.layered is model.encoder and not model.encoder.tokens:
        features = [rounded(one).astype(np.float32) for one in features]  # they may have come out of the store
    return model.decode(asked, examples, rows, model.head(features))


def _regions(question: str, prediction: Any) -> list[tuple[str, Any, float]]:
    if prediction.answer in (None, []):
        return []
    if isinstance(prediction.answer, str):
        return [(question, prediction.answer, prediction.score)]
    scores = prediction.item_scores or [prediction.score] * len(prediction.answer)
    return [
        (question, (span["start"], span["end"], span["label"]), score)
        for span, score in zip(prediction.answer, scores, strict=True)
    ]


def _same(wanted: Sequence[tuple[str, Any, float]], regions: Sequence[dict[str, Any]]) -> bool:
    said = []
    for region in regions:
        value = region["value"]
        label = value["choices"][0] if "choices" in value else (value["start"], value["end"], value["labels"][0])
        said.append((region["from_name"], label, region["score"]))
    said.sort(key=lambda each: str(each[:2]))
    ordered = sorted(wanted, key=lambda each: str(each[:2]))
    return len(said) == len(ordered) and all(
        one[:2] == other[:2] and abs(one[2] - other[2]) <= TOLERANCE for one, other in zip(said, ordered, strict=True)
    )
