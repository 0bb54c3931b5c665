"""How far people agree, from a real ledger: counted by hand, and silent where there is too little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelwheel.backend.app import create_app
from labelwheel.backend.commands import agreement as command
from labelwheel.backend.database.tables import (
    CheckpointRow,
    ExampleRow,
    Label,
    Project,
    QuestionRow,
    now,
)
from labelwheel.backend.projects import projects
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import agreement, inspected, remembered, wording
from labelwheel.backend.views.agreement_body import Agreement, BriefAgreement
from labelwheel.backend.views.annotator_quality import Probabilities
from labelwheel.training.questions import Answer, Option, Question
from tests.backend import inspection_rows
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage

TOPICS = tuple(Option(value=value) for value in ("sport", "politics", "science"))


ADMIN, READER = "the-token-of-the-admin", "the-token-of-a-reader"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(Settings(home=tmp_path, token=ADMIN, read_token=READER))
    stage.connect("topic")
    yield stage
    stage.database.dispose()


def ask(stage: Stage, kind: str, **more: Any) -> None:
    question = Question(name="topic", kind=kind, inputs=("text",), **more)
    with stage.database.transaction() as tx:
        tx.query(QuestionRow).one().spec = question.model_dump(mode="json")


def answer(stage: Stage, *given: Mapping[str, Answer], start: int = 0) -> None:
    """What each person said of so many texts; a work each, one after the other."""
    with stage.database.transaction() as tx:
        for number, answers in enumerate(given, start):
            key = f"e{number}"
            facts: dict[str, Any] = {"fields": {"text": f"Text {number:04} of Rome"}, "digest": key, "part": "train"}
            tx.add(ExampleRow(project_id=stage.project, key=key, group=key, **facts))
            for place, (person, said) in enumerate(answers.items()):
                tx.add(
                    Label(
                        project_id=stage.project, question="topic", example_key=key, work_key=f"{key}/{person}",
                        annotator=person, answer=said, made_at=now() + timedelta(seconds=place), event_id=10 * number,
                    )
                )  # fmt: skip


def events(stage: Stage, *people: str) -> None:
    """The order in which people labelled for the first time."""
    from labelwheel.backend.database.tables import Event

    with stage.database.transaction() as tx:
        for person in people:
            tx.add(
                Event(
                    project_id=stage.project, question="topic", example_key="e0", work_key=f"e0/{person}",
                    annotator=person, action="created", answer="sport", made_at=now(),
                )
            )  # fmt: skip
            tx.flush()


def read(stage: Stage, named: bool = True, probabilities: Probabilities | None = None) -> dict[str, Any]:
    with stage.database.session() as session:
        row = projects.question(session, stage.project, "topic")
        found = agreement.read(session, row, named, probabilities)
    Agreement.model_validate(found)
    list(command.render(found))
    return found


def brief(stage: Stage) -> dict[str, Any]:
    with stage.database.session() as session:
        found = agreement.brief(session, session.get_one(Project, stage.project))
    for each in found.values():
        BriefAgreement.model_validate(each)
    return found


def test_without_labels_and_with_one_annotator_there_is_nothing_to_say(stage: Stage) -> None:
    assert brief(stage) == {}
    events(stage, "ann")
    answer(stage, *[{"ann": "good"}] * 30)
    assert brief(stage) == {}
    found = read(stage)
    assert (found["annotators"], found["examples"], found["alpha"], found["pairs"]) == (0, 0, None, [])
    assert found["quality"]["annotators"] == found["quality"]["another_look"] == found["classes"] == []
    assert "too few: 0 examples" in found["reason"]


def test_one_example_is_said_in_the_singular(stage: Stage) -> None:
    events(stage, "ann", "bob")
    ask(stage, "choice", options=TOPICS)
    answer(stage, {"ann": "sport", "bob": "politics"})
    assert read(stage)["reason"] == "too few: 1 example has answers of two people or more, and it takes 20"


def test_too_few_examples_are_said_to_be_too_few(stage: Stage) -> None:
    events(stage, "ann", "bob")
    ask(stage, "choice", options=TOPICS)
    answer(stage, *[{"ann": "sport", "bob": "politics"}] * 19)
    found = read(stage)
    assert found["alpha"] is None
    assert found["reason"] == "too few: 19 examples have answers of two people or more, and it takes 20"
    assert found["pairs"] == [
        {"one": "ann", "other": "bob", "examples": 19, "same": 0.0, "kappa": None, "f1": None, "overlapping": None}
    ]


def test_figures_of_a_choice_are_those_that_a_hand_counts(stage: Stage) -> None:
    """Of 40 texts both say sport for 16 and politics for 16; for 8 ann says sport and bob politics.

    Observed .2. Of 80 answers 40 each: expected 2 x 40 x 40 / (80 x 79) = .50633; alpha 1 - .2 / .50633 = .605.
    Kappa: same .8, by chance .6 x .4 + .4 x .6 = .48, (.8 - .48) / .52 = .6154. Each class is named 40 times, and in
    32 of them the other says so, too.
    """
    events(stage, "bob", "ann")
    ask(stage, "choice", options=TOPICS)
    same = [{"ann": "sport", "bob": "sport"}, {"ann": "politics", "bob": "politics"}] * 16
    answer(stage, *same, *[{"ann": "sport", "bob": "politics"}] * 8, *[{"ann": "science"}] * 5)
    found = read(stage)
    assert (found["annotators"], found["examples"], found["most"], found["distance"]) == (2, 40, False, "nominal")
    assert found["alpha"]["value"] == 0.605
    assert found["alpha"]["low"] < 0.605 < found["alpha"]["high"]
    (pair,) = found["pairs"]
    assert (pair["one"], pair["other"], pair["same"], pair["kappa"]) == ("bob", "ann", 0.8, 0.6154)
    assert {
        each["label"]: (each["named"], each["value"], each["instead"], each["times"]) for each in found["classes"]
    } == {
        "sport": (40, 0.8, "politics", 8),
        "politics": (40, 0.8, "sport", 8),
    }
    assert {
        one["annotator"]: (one["labels"], one["shared"], one["value"]) for one in found["quality"]["annotators"]
    } == {
        "ann": (45, 40, 0.8),
        "bob": (40, 40, 0.8),
    }
    assert {look["key"] for look in found["quality"]["another_look"]} == {f"e{number}" for number in range(32, 40)}
    assert "people alone" in found["quality"]["reason"]
    assert wording.agreed(brief(stage)["topic"]).startswith("alpha .60 (")


def test_where_all_agree_that_is_said_with_an_interval(stage: Stage) -> None:
    events(stage, "ann", "bob")
    ask(stage, "choice", options=TOPICS)
    answer(stage, *[{"ann": value, "bob": value} for value in ("sport", "politics") for _ in range(15)])
    found = read(stage)
    assert found["alpha"] == {"value": 1.0, "low": 0.9, "high": 1.0}
    assert found["quality"]["another_look"] == []


def test_where_all_give_the_same_one_answer_nothing_can_be_said(stage: Stage) -> None:
    events(stage, "ann", "bob")
    ask(stage, "choice", options=TOPICS)
    answer(stage, *[{"ann": "sport", "bob": "sport"}] * 30)
    found = read(stage)
    assert found["alpha"] is None
    assert "always gave the same one answer" in found["reason"]
    assert found["pairs"][0]["kappa"] is None


@pytest.mark.parametrize(
    ("kind", "more", "answers", "distance"),
    [
        ("choices", {"options": TOPICS}, [["sport"], ["sport", "politics"], []], "masi"),
        ("rating", {"minimum": 1, "maximum": 5}, [1, 2, 5], "ordinal"),
        ("number", {}, [0.5, 6.0, 30.0], "interval"),
        (
            "spans", {"options": TOPICS},
            [[], [{"start": 0, "end": 4, "label": "sport"}], [{"start": 0, "end": 6, "label": "sport"}]], "masi",
        ),
    ],
)  # fmt: skip
def test_every_kind_is_compared_by_a_distance_of_its_own(
    stage: Stage, kind: str, more: dict[str, Any], answers: list[Answer], distance: str
) -> None:
    """What is nearly the same counts as nearly the same: the first two answers are nearer than the first and third."""
    events(stage, "ann", "bob")
    ask(stage, kind, **more)
    near, far = [answers[0], answers[1]], [answers[0], answers[2]]
    if kind in ("spans", "choices"):
        near = [answers[1], answers[2]] if kind == "spans" else near
    same = [{"ann": each, "bob": each} for each in answers]
    answer(stage, *same * 8, {"ann": near[0], "bob": near[1]})
    close = read(stage)["alpha"]["value"]
    with stage.database.transaction() as tx:
        tx.query(Label).filter(Label.work_key == "e24/bob").one().answer = far[1]
        tx.query(Label).filter(Label.work_key == "e24/ann").one().answer = far[0]
    found = read(stage)
    assert found["distance"] == distance
    assert 1 > close > found["alpha"]["value"]
    assert (found["pairs"][0]["f1"] is not None) is (kind == "spans")
    assert found["quality"]["another_look"][0]["key"] == "e24"
    assert "is for choices" in found["quality"]["reason"]


def test_somebody_who_answers_twice_is_one_voice_with_the_later_answer(stage: Stage) -> None:
    events(stage, "ann", "bob")
    ask(stage, "choice", options=TOPICS)
    answer(stage, *[{"ann": "sport", "bob": "sport"}, {"ann": "politics", "bob": "politics"}] * 12)
    with stage.database.transaction() as tx:
        first = tx.query(Label).filter(Label.work_key == "e0/bob").one()
        facts = {name: getattr(first, name) for name in ("project_id", "question", "example_key", "annotator")}
        later = first.made_at + timedelta(hours=1)
        tx.add(Label(**facts, work_key="e0/bob again", answer="politics", made_at=later, event_id=999))
    assert read(stage)["pairs"][0]["same"] == round(23 / 24, 4)


def test_a_label_that_fits_no_longer_is_no_voice(stage: Stage) -> None:
    events(stage, "ann", "bob")
    ask(stage, "choice", options=TOPICS)
    answer(stage, *[{"ann": "sport", "bob": "an option of before"}] * 25)
    assert read(stage)["examples"] == 0


def simulated(stage: Stage, seed: int) -> dict[str, list[float]]:
    """200 texts with two answers each, of five people who are right in nine of ten, and one of them in six of ten.

    The model is right in eight of ten. Also 30 texts that nobody has labelled.
    """
    chance = np.random.default_rng(seed)
    values = [option.value for option in TOPICS]
    given, probabilities = [], {}
    for number in range(230):
        truth = int(chance.integers(3))

        def said(right: float, truth: int = truth) -> int:
            return truth if chance.random() < right else int((truth + chance.integers(1, 3)) % 3)

        if number < 200:
            two = chance.choice(5, 2, replace=False)
            given.append({f"p{person}": values[said(0.6 if person == 3 else 0.9)] for person in two})
        probabilities[f"e{number}"] = [0.15] * 3
        probabilities[f"e{number}"][said(0.8)] = 0.7
    events(stage, *(f"p{person}" for person in range(5)))
    ask(stage, "choice", options=TOPICS)
    answer(stage, *given)
    return probabilities


def test_the_model_is_one_more_voice_about_each_annotator_and_says_where_to_look_again(stage: Stage) -> None:
    probabilities = simulated(stage, 1)
    quality = read(stage, probabilities=probabilities)["quality"]
    worst, *others = quality["annotators"]
    assert (worst["annotator"], quality["reason"]) == ("p3", None)
    assert worst["value"] < min(each["value"] for each in others)
    assert all(each["low"] <= each["value"] <= each["high"] for each in quality["annotators"])
    assert quality["model_weight"] > 0
    looks = quality["another_look"]
    assert len(looks) == 50
    assert looks == sorted(looks, key=lambda look: (look["score"], look["key"]))
    assert {look["action"] for look in looks} == {"label", "relabel"}
    assert all((look["action"] == "label") is (int(look["key"][1:]) >= 200) for look in looks)


@pytest.mark.parametrize("kind", ["number", "text"])
def test_where_an_inspection_has_no_voice_people_are_weighed_alone(stage: Stage, kind: str) -> None:
    ask(stage, kind)
    stage.promote({"topic": "v1"})
    with stage.database.transaction() as tx:
        inspection_rows.add(tx, tx.query(CheckpointRow).one(), {"voices": {}})
    with stage.database.session() as session:
        assert inspected.voices(session, projects.question(session, stage.project, "topic")) == {}


def test_the_models_voice_is_that_of_the_latest_inspection(stage: Stage) -> None:
    """In the order of the question's values, which may have changed since; of other values it says nothing."""
    probabilities = simulated(stage, 1)
    ask(stage, "choice", options=TOPICS)
    stage.promote({"topic": "v1"})
    values = ["science", "sport", "politics"]
    turned = {key: [chances[2], chances[0], chances[1]] for key, chances in probabilities.items()}
    with stage.database.transaction() as tx:
        row = tx.query(CheckpointRow).one()
        found = {"values": values, "probabilities": turned}
        inspection_rows.add(tx, row, {"voices": found})
    with stage.database.session() as session:
        assert inspected.voices(session, projects.question(session, stage.project, "topic")) == probabilities
    client = create_app(stage.settings, FakeEngine(), start=False).test_client()
    path = f"/api/v1/projects/{stage.project}/questions/topic/agreement"
    said = client.get(path, headers={"Authorization": f"Bearer {ADMIN}"}).json["quality"]
    assert (said["reason"], said["annotators"][0]["annotator"]) == (None, "p3")
    ask(stage, "choice", options=TOPICS[:2])
    with stage.database.session() as session:
        assert inspected.voices(session, projects.question(session, stage.project, "topic")) == {}


def test_too_few_probabilities_are_no_voice(stage: Stage) -> None:
    few = dict(list(simulated(stage, 1).items())[:19])
    quality = read(stage, probabilities=few)["quality"]
    assert quality["model_weight"] is None
    assert "for 19 of the examples" in quality["reason"]
    assert quality["annotators"][0]["annotator"] == "p3"


def test_only_the_holder_of_the_admin_token_reads_names(stage: Stage) -> None:
    events(stage, "label-studio:9", "label-studio:4")
    answer(stage, *[{"label-studio:4": "good", "label-studio:9": "bad"}, {"label-studio:4": "bad"}] * 30)
    app = create_app(stage.settings, FakeEngine(), start=False)
    path = f"/api/v1/projects/{stage.project}/questions/topic/agreement"
    client = app.test_client()
    said = {token: client.get(path, headers={"Authorization": f"Bearer {token}"}) for token in (ADMIN, READER)}
    assert said[ADMIN].json["pairs"][0]["one"] == "label-studio:9"
    assert said[READER].json["pairs"][0]["one"] == "annotator 1"  # who labelled first
    assert "label-studio:" not in said[READER].text
    assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    status = client.get("/api/v1/status", headers={"Authorization": f"Bearer {READER}"})
    assert status.json["projects"][0]["questions"][0]["agreement"]["examples"] == 30
    assert "label-studio:9" not in status.text
    app.extensions["labelwheel"].queue.close()


def test_status_counts_only_where_there_are_new_labels(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "SECONDS", 0.0)
    events(stage, "ann", "bob")
    ask(stage, "choice", options=TOPICS)
    answer(stage, *[{"ann": "sport", "bob": "sport"}, {"ann": "politics", "bob": "politics"}] * 15)
    first = brief(stage)
    counted: list[int] = []
    monkeypatch.setattr(agreement, "_briefly", lambda _, project_id: counted.append(project_id) or {})
    assert brief(stage) is first
    answer(stage, {"ann": "sport", "bob": "politics"}, start=30)
    assert brief(stage) == {}
    assert counted == [stage.project]
