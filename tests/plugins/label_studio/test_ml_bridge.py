"""Questions, examples and answers, as a model that was written for label-studio-ml gets them, and what it gives back.

label-studio-ml itself is only in its git repository; `testkit.ml_stand_in` has the smallest thing with its interface.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelwheel.plugins.errors import InvalidConfig
from labelwheel.plugins.label_studio import ml_bridge
from labelwheel.plugins.label_studio.config_writing import ask
from labelwheel.plugins.label_studio.ml_bridge import Bridge
from labelwheel.training.errors import MissingExtra
from labelwheel.training.questions import Example, Option, Question
from testkit import ml_stand_in
from tests.training.kinds.test_contract import ASKED, ONE

ECHO = '''
import json, os, pathlib
from label_studio_ml.model import LabelStudioMLBase
from label_studio_ml.response import ModelResponse

class Echo(LabelStudioMLBase):
    """Says of a text what people said of it."""

    said = {}

    def fit(self, event, data, **kwargs):
        assert event == "START_TRAINING" and data["project"]["label_config"] == self.label_config
        for task in data["tasks"]:
            Echo.said[json.dumps(task["data"])] = task["annotations"][0]["result"]
        self.seen = data

    def predict(self, tasks, context=None, **kwargs):
        found = [Echo.said.get(json.dumps(task["data"]), []) for task in tasks]
        return self.shape([{"result": result, "score": 0.8} for result in found])

    def shape(self, predictions):
        return ModelResponse(predictions=predictions)
'''


@pytest.fixture
def bridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bridge]:
    monkeypatch.syspath_prepend(str(ml_stand_in.FOLDER))
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    (tmp_path / "echo_model.py").write_text(ECHO)
    yield Bridge(str(tmp_path / "echo_model.py"), "Echo")
    for name in [*sys.modules]:
        if name.startswith("label_studio_ml") or name == "echo_model":
            del sys.modules[name]


def opened(bridge: Bridge, question: Question) -> Any:
    bridge.open({"question": question.model_dump(mode="json")})
    return bridge._model


def rows(*pairs: tuple[Example, Any]) -> dict[str, Any]:
    return {"rows": [{"example": example.model_dump(mode="json"), "answer": answer} for example, answer in pairs]}


def answers(bridge: Bridge, *examples: Example) -> list[dict[str, Any]]:
    found = bridge.predict({"examples": [example.model_dump(mode="json") for example in examples]})
    json.dumps(found, allow_nan=False)
    return list(found["answers"])


@pytest.mark.parametrize("kind", ASKED)
def test_what_people_answered_comes_back_as_they_did(kind: str, bridge: Bridge) -> None:
    fields, given = ASKED[kind]
    question = Question(**{"name": "the question", "kind": kind, "inputs": ("text",), **fields})
    opened(bridge, question)
    for answer in filter(None, given):  # an empty list is no region in Label Studio, and says nothing there
        bridge.learn(rows((ONE, answer)))
        (found,) = answers(bridge, ONE)
        assert (found["answer"], found["score"]) == (question.check(answer, ONE), 0.8)


def test_names_that_no_variable_may_have_and_texts_of_any_script(bridge: Bridge) -> None:
    odd = ('a "text", <of> mine', "1st")
    question = Question(
        name='who & "what"', kind="spans", inputs=odd[:1], options=(Option(value='"<A>"'), Option(value="b,c"))
    )
    example = Example(key="x", fields={odd[0]: "\N{SMILING FACE WITH SUNGLASSES} e\u0301 <b>Ada</b>  went\r\nhome"})
    answer = [{"start": 7, "end": 10, "label": '"<A>"'}, {"start": 16, "end": 20, "label": "b,c"}]
    model = opened(bridge, question)
    bridge.learn(rows((example, answer)))
    assert answers(bridge, example)[0]["answer"] == answer
    assert model.seen["tasks"][0]["annotations"][0]["result"][0]["value"]["text"] == example.fields[odd[0]][7:10]
    pair = Question(name="q", kind="pairwise", inputs=odd)
    opened(bridge, pair)
    both = Example(key="x", fields={odd[0]: "one", odd[1]: "two"})
    bridge.learn(rows((both, "right")))
    assert answers(bridge, both)[0]["answer"] == "right"


def test_what_fetches_all_tasks_gets_those_that_may_be_learnt_from(bridge: Bridge) -> None:
    question = Question(name="q", kind="choice", inputs=("text",), options=(Option(value="a"), Option(value="b")))
    model = opened(bridge, question)
    type(model)._get_tasks = lambda self, project: 1 / 0
    bridge.learn(rows((ONE, "a"), (Example(key="2", fields={"text": "two"}), "b")))
    assert model._get_tasks(model.seen["annotation"]["project"]) == model.seen["tasks"]
    assert [task["data"]["text"] for task in model.seen["tasks"]] == [ONE.fields["text"], "two"]


@pytest.mark.parametrize(
    ("shape", "answer", "score"),
    [
        ("return predictions", "a", 0.8),
        ("return {'predictions': predictions}", "a", 0.8),
        ("return [[one] for one in predictions]", "a", 0.8),
        ("return [{'result': one['result']} for one in predictions]", "a", None),
        ("return [{**one, 'score': 'high'} for one in predictions]", "a", None),
        ("return [{**one, 'score': float('nan')} for one in predictions]", "a", None),
        ("return [{'result': [{**each, 'score': .4} for each in one['result']]} for one in predictions]", "a", 0.4),
        ("return [{'result': None} for one in predictions]", None, None),
        ("return ['nothing' for one in predictions]", None, None),
        ("return [{'result': [1, {'value': 2}, {**one['result'][0], 'from_name': 'z'}]} for one in predictions]",
         None, None),
        ("return [{'result': [{**one['result'][0], 'value': {'choices': ['its own']}}]} for one in predictions]",
         None, None),
    ],
)  # fmt: skip
def test_whatever_shape_its_answer_has(
    shape: str, answer: str | None, score: float | None, bridge: Bridge, tmp_path: Path
) -> None:
    (tmp_path / "echo_model.py").write_text(ECHO.replace("return ModelResponse(predictions=predictions)", shape))
    question = Question(name="q", kind="choice", inputs=("text",), options=(Option(value="a"), Option(value="b")))
    opened(bridge, question)
    bridge.learn(rows((ONE, "a")))
    assert answers(bridge, ONE) == [{"answer": answer, "score": score}]


def test_scores_of_regions_are_those_of_items(bridge: Bridge, tmp_path: Path) -> None:
    scored = "{**each, 'score': each['value']['start'] / 10}"
    shape = f"return [{{'result': [{scored} for each in one['result']]}} for one in predictions]"
    (tmp_path / "echo_model.py").write_text(ECHO.replace("return ModelResponse(predictions=predictions)", shape))
    question = Question(name="q", kind="spans", inputs=("text",), options=(Option(value="a"),))
    opened(bridge, question)
    spans = [{"start": 4, "end": 7, "label": "a"}, {"start": 8, "end": 11, "label": "a"}]
    bridge.learn(rows((ONE, spans)))
    assert answers(bridge, ONE) == [{"answer": spans, "score": None, "item_scores": [0.4, 0.8]}]


def test_too_few_answers_are_none(bridge: Bridge, tmp_path: Path) -> None:
    (tmp_path / "echo_model.py").write_text(ECHO.replace("(predictions=predictions)", "(predictions=predictions[1:])"))
    opened(bridge, Question(name="q", kind="choice", inputs=("text",), options=(Option(value="a"),)))
    with pytest.raises(ValueError, match="predict answered 1 of 2 tasks"):
        answers(bridge, ONE, ONE)


def test_a_kind_that_label_studio_does_not_have_is_refused() -> None:
    question = Question(name="q", kind="choice", inputs=("text",), options=(Option(value="a"),))
    with pytest.raises(InvalidConfig, match="has no control for 'q', a question of kind another"):
        ask(question.model_copy(update={"kind": "another"}))
    low = Question(name="q", kind="rating", inputs=("text",), minimum=0, maximum=4)
    with pytest.raises(InvalidConfig, match="cannot ask 'q' as it is asked here"):
        ask(low)


def test_without_label_studio_ml_it_says_where_that_is(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("")
    with pytest.raises(MissingExtra, match="only in its git repository: pip install"):
        ml_bridge.load(tmp_path / "model.py", "Class")
