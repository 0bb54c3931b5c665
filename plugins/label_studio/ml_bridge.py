"""`python -m labelwheel.plugins.label_studio.ml_bridge FILE CLASS DESCRIPTOR`: a LabelStudioMLBase of somebody else's.

The process of `labelwheel.training.foreign`: it translates between questions and Label Studio's tasks and regions, and
runs that class's `fit` and `predict` as its server would. Whatever the class does happens here, and nowhere else.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from labelwheel.plugins.errors import InvalidConfig
from labelwheel.plugins.label_studio.config_writing import Asked, ask, tasks
from labelwheel.plugins.label_studio.regions import decode, encode
from labelwheel.training.errors import LabelwheelError, MissingExtra
from labelwheel.training.questions import Example, Prediction, Question

PROJECT = "1"
_FETCHES = ("_get_tasks", "_get_annotated_tasks")
"""Methods by which well-known examples fetch all tasks from Label Studio: those that are held out are among them."""


class Bridge:
    """One object of the class, made for one question."""

    def __init__(self, path: str, attribute: str) -> None:
        self._path, self._attribute = Path(path), attribute
        self._asked: Asked | None = None
        self._model: Any = None

    def open(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self._asked = ask(Question.model_validate(body["question"]))
        kind = load(self._path, self._attribute)
        self._model = kind(project_id=PROJECT, label_config=self._asked.source)
        return {}

    def learn(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`fit` with START_TRAINING, and beside what a webhook has all tasks that may be learnt from."""
        asked = self._ready()
        rows = body["rows"]
        examples = [Example.model_validate(row["example"]) for row in rows]
        learnt = [
            _annotated(asked, task, own, row["answer"])
            for (task, own), row in zip(tasks(asked, examples), rows, strict=True)
        ]
        for name in _FETCHES:
            if callable(getattr(self._model, name, None)):
                setattr(self._model, name, lambda *given, **more: learnt)
        last: dict[str, Any] = learnt[-1] if learnt else {"id": 0, "annotations": [{}]}
        data = {
            "action": "START_TRAINING", "project": {"id": int(PROJECT), "label_config": asked.source}, "tasks": learnt,
            "task": last, "annotation": {**last["annotations"][0], "task": last["id"], "project": int(PROJECT)},
        }  # fmt: skip
        self._model.fit("START_TRAINING", data)
        return {}

    def predict(self, body: Mapping[str, Any]) -> dict[str, Any]:
        asked = self._ready()
        given = tasks(asked, [Example.model_validate(each) for each in body["examples"]])
        found = _predictions(self._model.predict([task for task, _ in given], context=None))
        if len(found) != len(given):
            raise ValueError(f"predict answered {len(found)} of {len(given)} tasks")
        return {"answers": [_answer(asked, task, own, one) for (task, own), one in zip(given, found, strict=True)]}

    def _ready(self) -> Asked:
        assert self._asked is not None, "open comes first"
        return self._asked


def load(path: Path, attribute: str) -> Any:
    """The class. Raises MissingExtra where label-studio-ml is not installed, or whatever the file does."""
    if importlib.util.find_spec("label_studio_ml") is None:
        raise MissingExtra(
            "label-studio-ml 2 is not installed; it is only in its git repository: "
            "pip install 'label-studio-ml @ git+https://github.com/HumanSignal/label-studio-ml-backend.git'"
        )
    sys.path.insert(0, str(path.parent))  # as where label-studio-ml starts it
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InvalidConfig(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return getattr(module, attribute)


def _annotated(asked: Asked, task: dict[str, Any], own: Example, answer: Any) -> dict[str, Any]:
    """A task with what people agreed on as its annotation."""
    said = {asked.question.name: Prediction(answer=answer, score=1.0)}
    regions = encode(asked.layout, own, task["data"], said, "people")
    for region in regions:
        del region["score"]
    annotation = {
        "id": task["id"], "result": regions, "was_cancelled": False, "ground_truth": False, "completed_by": 1,
    }  # fmt: skip
    return {**task, "is_labeled": True, "annotations": [annotation]}


def _predictions(found: Any) -> list[Any]:
    """Of whatever `predict` may answer with, one for each task."""
    dump = getattr(found, "model_dump", None)
    if callable(dump):
        found = dump()
    if isinstance(found, Mapping):
        found = found.get("predictions", [])
    return [one[0] if isinstance(one, Sequence) and one else one for one in found or []]


def _answer(asked: Asked, task: Mapping[str, Any], own: Example, said: Any) -> dict[str, Any]:
    """What one prediction says about the question, and nothing else that stands in it."""
    dump = getattr(said, "model_dump", None)
    found = dump() if callable(dump) else said
    if not isinstance(found, Mapping) or not isinstance(found.get("result"), list):
        return {"answer": None, "score": None}
    regions = [_plain(region) for region in found["result"]]
    answers, _ = decode(asked.layout, regions, own, task["data"])
    answer, score = answers.get(asked.question.name), _number(found.get("score"))
    if not isinstance(answer, list):
        single = next((_number(region.get("score")) for region in regions if isinstance(region, Mapping)), None)
        return {"answer": answer, "score": score or single}
    scores: dict[str, float | None] = {}
    for region in regions:
        alone, _ = decode(asked.layout, [region], own, task["data"])
        scores |= {json.dumps(item): _number(region.get("score")) for item in alone.get(asked.question.name) or ()}
    return {"answer": answer, "score": score, "item_scores": [scores.get(json.dumps(item)) for item in answer]}


def _plain(region: Any) -> Any:
    dump = getattr(region, "model_dump", None)
    return dump() if callable(dump) else region


def _number(value: Any) -> float | None:
    """Also of numpy's; what is no number is None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None


def main(path: str, attribute: str, descriptor: str) -> None:
    """Answers until nobody asks any more."""
    os.set_inheritable(int(descriptor), False)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    bridge = Bridge(path, attribute)
    doing: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
        "open": bridge.open, "learn": bridge.learn, "predict": bridge.predict,
    }  # fmt: skip
    with os.fdopen(int(descriptor), "w", encoding="utf-8") as answers, _own_input() as requests:
        for line in requests:
            body = json.loads(line)
            try:
                answer = {"error": None, **doing[body["do"]](body)}
                written = json.dumps(answer)
            except (Exception, SystemExit) as error:  # it is that class's fault, and told as such
                written = json.dumps({"error": _said(error)})
            answers.write(written + "\n")
            answers.flush()


def _own_input() -> TextIO:
    """Requests, which the class cannot read: it finds an empty input."""
    found = os.fdopen(os.dup(0), "r", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    return found


def _end_with(parent: int) -> None:
    """A process that nobody can ask any more is nobody's."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _said(error: BaseException) -> str:
    said = " ".join(str(error).split())[:400]
    return said if isinstance(error, LabelwheelError) else f"{type(error).__name__}: {said}".removesuffix(": ")


if __name__ == "__main__":
    main(*sys.argv[1:])
