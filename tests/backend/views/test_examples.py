"""Examples are found by what they have, by whatever the database, and a search is bounded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import Event, ExampleRow, Impression, Label, QuestionRow, now
from labelwheel.backend.errors import NotFound
from labelwheel.backend.views import disagreements, example_history, examples, remembered
from labelwheel.backend.views.examples import Wanted
from labelwheel.backend.views.examples_body import ExampleHistory, Examples
from labelwheel.training.questions import Kind, Option, Question
from tests.backend.counting import counted
from tests.backend.stage import Stage

SHARE = 0.1


def fill(stage: Stage, *texts: str, start: int = 0, **more: Any) -> None:
    with stage.database.transaction() as tx:
        for number, text in enumerate(texts, start):
            key = f"e{number}"
            facts = {"part": "train", "fields": {"text": text}, "digest": key, "group": key} | more
            tx.add(ExampleRow(project_id=stage.project, key=key, **facts))


def give(stage: Stage, key: str, answer: Any, annotator: str = "ann", **more: Any) -> None:
    with stage.database.transaction() as tx:
        facts = {
            "project_id": stage.project, "question": "mood", "example_key": key, "work_key": f"{key}/{annotator}",
            "annotator": annotator, "answer": answer, "made_at": now(), **more,
        }  # fmt: skip
        event = Event(action="created", **facts)
        tx.add(event)
        tx.flush()
        tx.add(Label(event_id=event.id, **facts))


def show(
    stage: Stage, key: str, version: str, answer: Any, minutes: int = 0, scores: dict[str, float] | None = None
) -> None:
    with stage.database.transaction() as tx:
        at = now() + timedelta(minutes=minutes)
        facts = {"example_key": key, "version": version, "answers": {"mood": answer}, "shown_at": at}
        facts |= {"scores": scores}
        tx.add(Impression(project_id=stage.project, **facts))


def read(stage: Stage, told: bool = True, **wanted: Any) -> dict[str, Any]:
    with stage.database.session() as session:
        found = examples.read(session, session.scalars(select(QuestionRow)).one(), SHARE, Wanted(**wanted), told)
    Examples.model_validate(found)
    return found


def keys(stage: Stage, told: bool = True, **wanted: Any) -> list[str]:
    return [one["key"] for one in read(stage, told, **wanted)["examples"]]


def test_a_text_is_found_in_either_case_and_in_any_script(stage: Stage) -> None:
    fill(stage, "The ÜBER driver", "100% sure_ly", "nothing of it")
    assert keys(stage, text="über") == ["e0"]
    assert keys(stage, text="0% SURE_") == ["e1"]
    assert keys(stage, text="%") == ["e1"]
    assert keys(stage) == ["e0", "e1", "e2"]
    assert keys(stage, told=False, text="über") == ["e0", "e1", "e2"], "a reader seeks nothing by texts"


def test_what_people_said_and_who(stage: Stage) -> None:
    fill(stage, *("a", "b", "c"))
    give(stage, "e0", "good")
    give(stage, "e0", "bad", "bob")
    give(stage, "e1", "bad")
    assert keys(stage, label="good") == ["e0"]
    assert keys(stage, label="bad") == ["e0", "e1"]
    assert keys(stage, label="bad", annotator="ann") == ["e1"], "the same person said it"
    assert keys(stage, annotator="bob") == ["e0"]
    assert keys(stage, label="ad") == [], "a piece of a name is no name"
    assert keys(stage, told=False, annotator="bob") == ["e0", "e1", "e2"]
    assert read(stage)["examples"][0]["labels"] == [
        {"annotator": "ann", "label": "good"}, {"annotator": "bob", "label": "bad"},
    ]  # fmt: skip


def test_what_was_suggested_and_by_which_version(stage: Stage) -> None:
    fill(stage, *("a", "b", "c"))
    give(stage, "e0", "good", suggested="bad", version="v1", origin="changed")
    show(stage, "e1", "v1", "good")
    show(stage, "e1", "v2", "bad", minutes=5)
    assert keys(stage, says="bad") == ["e0", "e1"]
    assert keys(stage, says="bad", version="v1") == ["e0"], "that version said it"
    assert keys(stage, version="v2") == ["e1"]
    assert [one["suggested"] for one in read(stage)["examples"]] == [
        {"version": "v1", "says": "bad", "score": None}, {"version": "v2", "says": "bad", "score": None}, None,
    ]  # fmt: skip


def test_how_sure_what_is_shown_now_was(stage: Stage) -> None:
    fill(stage, *("a", "b", "c", "d", "e", "f"))
    fill(stage, "g", start=6, part="held_out", blind_lot=0.05)
    show(stage, "e0", "v1", "good", scores={"mood": 0.2})
    show(stage, "e0", "v2", "bad", minutes=5, scores={"mood": 0.7})
    show(stage, "e1", "v1", "good", scores={"mood": 0.25})
    give(stage, "e1", "good", suggested="good", version="v0", origin="accepted")
    show(stage, "e2", "v1", "good")  # by an earlier version of this program
    show(stage, "e3", "v1", "good", scores={"mood": 0.25})
    show(stage, "e3", "", None, minutes=5, scores={})  # it is blind, or was
    show(stage, "e4", "v1", None, scores={"tone": 0.25})  # nothing is suggested for this question
    show(stage, "e6", "v1", "good", scores={"mood": 0.25})
    assert keys(stage, score_from=0.0) == keys(stage, score_to=1.0) == ["e0", "e1"]
    assert keys(stage, score_from=0.25, score_to=0.25) == ["e1"], "both ends are among them"
    assert keys(stage, score_to=0.69) == ["e1"], "what was shown before is not asked"
    assert keys(stage, score_from=0.69) == keys(stage, score_from=0.5, says="bad") == ["e0"]
    assert keys(stage, score_from=0.71) == keys(stage, score_from=0.5, score_to=0.4) == []
    scores = [one["suggested"] and one["suggested"]["score"] for one in read(stage)["examples"]]
    assert scores == [0.7, 0.25, None, None, None, None, None]


def test_sides_and_slices(stage: Stage) -> None:
    fill(stage, "a", columns={"source": "mail"})
    fill(stage, "b", start=1, part="held_out", blind_lot=0.05, columns={"source": "chat=1"})
    fill(stage, "c", start=2, part="held_out", blind_lot=0.5)
    fill(stage, "d", start=3, gone=True)
    assert keys(stage, side="train") == ["e0"]
    assert keys(stage, side="held_out") == ["e1", "e2"]
    assert keys(stage, side="blind") == ["e1"]
    assert keys(stage, slice="source=chat=1") == ["e1"]
    assert [one["side"] for one in read(stage)["examples"]] == ["train", "blind", "held_out"]
    fill(stage, "é" * 40, "🙂", start=4, columns={"seconds": "7"})
    assert keys(stage, slice="length=under 40 characters") == ["e0", "e1", "e2", "e5"]
    assert keys(stage, slice="length=40 to 159") == keys(stage, slice="characters=other scripts and accents") == ["e4"]
    assert keys(stage, slice="characters=with emoji or symbols") == ["e5"]
    assert keys(stage, slice="seconds=5 to under 9") == ["e4", "e5"], "a range of numbers, as reports have them"
    assert keys(stage, slice="language=en") == []


def test_spans_are_told_without_their_text(stage: Stage) -> None:
    question = Question(name="mood", kind=Kind.SPANS, inputs=("text",), options=(Option(value="city"),))
    with stage.database.transaction() as tx:
        tx.scalars(select(QuestionRow)).one().spec = question.model_dump(mode="json")
    fill(stage, "Rome and Rome")
    give(stage, "e0", [{"label": "city", "start": 0, "end": 4}, {"label": "city", "start": 9, "end": 13}])
    found = read(stage, told=False, label="city")
    assert found["examples"][0]["labels"] == [{"annotator": None, "label": "city ×2"}]
    assert found["examples"][0]["text"] is None


def test_what_people_wrote_is_told_to_whoever_may_read_texts(stage: Stage) -> None:
    question = Question(name="mood", kind="text", inputs=("text",), maximum=1)
    with stage.database.transaction() as tx:
        tx.scalars(select(QuestionRow)).one().spec = question.model_dump(mode="json")
    fill(stage, "a text")
    show(stage, "e0", "v1", "Dear Ann")
    give(stage, "e0", "Dear Bob " * 100)
    for told, label, says in ((True, f"{('Dear Bob ' * 100)[:400]}…", "Dear Ann"), (False, "a text", "a text")):
        (found,) = read(stage, told=told)["examples"]
        assert found["labels"][0]["label"] == label
        assert found["suggested"]["says"] == says
        with stage.database.session() as session:
            history = example_history.read(session, stage.project, "e0", SHARE, told)
        assert history["events"][0]["label"] == label
        assert history["suggestions"][0]["says"] == {"mood": says}


def test_pages_follow_each_other_and_leave_nothing_out(stage: Stage) -> None:
    fill(stage, *(f"text {number}" for number in range(120)))
    seen, after = [], 0
    for _ in range(3):
        found = read(stage, after=after)
        seen += [one["key"] for one in found["examples"]]
        after = found["next"]
    assert seen == [f"e{number}" for number in range(120)]
    assert after is None


def test_a_search_is_cut_and_goes_on_where_it_was(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "SCANNED", 500)
    fill(stage, *(f"text {number}" for number in range(700)))
    found = read(stage, text="text 650")
    assert (found["scanned"], found["cut"], found["examples"]) == (500, True, [])
    assert keys(stage, text="text 650", after=found["next"]) == ["e650"]


def test_statements_do_not_grow_with_examples(stage: Stage) -> None:
    counts = []
    for start in (0, 400):
        fill(stage, *(f"text {number}" for number in range(400)), start=start)
        for number in range(start, start + 400):
            show(stage, f"e{number}", "v1", "good", scores={"mood": 0.5})
        for wanted in ({}, {"score_from": 0.4}):
            with counted() as few:
                read(stage, **wanted)
            counts.append(len(few.statements))
    assert len(set(counts)) == 1
    assert counts[0] <= 6


def test_a_history_has_every_label_and_what_stood_there(stage: Stage) -> None:
    fill(stage, "a text", columns={"source": "mail"})
    show(stage, "e0", "v1", "bad")
    give(stage, "e0", "good", suggested="bad", version="v1", origin="changed")
    for told in (True, False):
        with stage.database.session() as session:
            found = example_history.read(session, stage.project, "e0", SHARE, told)
        ExampleHistory.model_validate(found)
        (event,) = found["events"]
        assert (event["label"], event["suggested"], event["origin"], event["version"]) == (
            "good",
            "bad",
            "changed",
            "v1",
        )
        assert (event["annotator"], found["fields"]) == (("ann", {"text": "a text"}) if told else (None, None))
        assert [(one["version"], one["says"]) for one in found["suggestions"]] == [("v1", {"mood": "bad"})]
    for key in ("e9", "e0\0"):
        with stage.database.session() as session, pytest.raises(NotFound, match="no example 'e"):
            example_history.read(session, stage.project, key, SHARE, True)


def test_people_differ_where_their_answers_do(stage: Stage) -> None:
    fill(stage, "a", "b")
    for key, second in (("e0", "good"), ("e1", "bad")):
        give(stage, key, "good")
        give(stage, key, second, "bob")
    with stage.database.session() as session:
        found = disagreements.differing(session, session.scalars(select(QuestionRow)).one())
    assert found == [{"key": "e1", "labels": ["good", "bad"]}]


def test_disagreements_are_counted_once_until_there_is_another_label(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "SECONDS", 0.0)
    fill(stage, "a", "b")
    statements = []
    for second in (None, None, "bad"):
        if second:
            give(stage, "e0", "good")
            give(stage, "e0", second, "bob")
        with stage.database.session() as session, counted() as few:
            found = disagreements.read(session, session.scalars(select(QuestionRow)).one(), True)
        statements.append(len(few.statements))
        assert [one["key"] for one in found["differing"]] == (["e0"] if second else [])
    assert statements[1] <= 4 < statements[0], "which labels and findings there are, and nothing more"
