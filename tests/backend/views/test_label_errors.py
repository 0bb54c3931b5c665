"""Label errors as the ledger has them by now: what somebody has put right since is gone."""

from __future__ import annotations

from typing import Any

from labelwheel.backend.database.tables import CheckpointRow, Event, ExampleRow, QuestionRow
from labelwheel.backend.views import label_errors
from labelwheel.backend.web.response_bodies import LabelErrors
from tests.backend import inspection_rows
from tests.backend.world import World


def found(key: str, answer: str = "sport", suggestion: str = "politics") -> dict[str, Any]:
    return {
        "key": key, "text": f"text {key}", "answer": answer, "suggestion": suggestion, "labelled": answer,
        "would_say": suggestion, "probability": 0.9, "score": 0.8,
        "nearest": [{"key": "9", "text": "near", "answer": suggestion, "cosine": 0.7}],
    }  # fmt: skip


def inspect(world: World, keys: list[str], name: str = "topic", **more: Any) -> None:
    """As if an inspection of all labels so far had found these."""
    with world.database.transaction() as tx:
        question = tx.query(QuestionRow).filter_by(name=name).one()
        last = max((number for (number,) in tx.query(Event.id)), default=0)
        section = {"looked_at": 40, "suspected": 3, "labels": [found(key) for key in keys], **more}
        checkpoint = tx.get_one(CheckpointRow, question.champion_id)
        inspection_rows.add(tx, checkpoint, {"label_errors": section}, last_event_id=last)


def read(world: World, name: str = "topic") -> dict[str, Any]:
    with world.database.session() as session:
        told = label_errors.read(session, session.query(QuestionRow).filter_by(name=name).one())
    LabelErrors(**told)
    return told


def labelled(world: World, count: int = 5) -> list[str]:
    world.connect()
    keys = world.tool.add(*(f"something about number {number} of many" for number in range(count)))
    for key in keys:
        world.tool.submit(key, {"topic": "sport"}, annotator=f"person {key}")
    world.settle()
    return keys


def test_before_the_first_inspection_it_says_when_there_will_be_one(world: World) -> None:
    labelled(world)
    assert read(world) == {
        "version": None, "reason": label_errors.NOT_YET, "looked_at": 0, "suspected": 0, "changed": 0,
        "sent_back": False, "labels": [],
    }  # fmt: skip


def test_each_is_told_with_who_answered_what(world: World) -> None:
    keys = labelled(world)
    inspect(world, [keys[2], keys[0]])
    told = read(world)
    assert (told["version"], told["reason"], told["looked_at"], told["suspected"]) == (
        world.checkpoints[-1].version,
        None,
        40,
        3,
    )
    assert [one["key"] for one in told["labels"]] == [keys[2], keys[0]]
    assert told["labels"][0] == {
        "key": keys[2], "text": f"text {keys[2]}", "label": "sport", "suggestion": "politics", "labelled": "sport",
        "would_say": "politics", "probability": 0.9,
        "score": 0.8, "annotators": [{"annotator": f"person {keys[2]}", "label": "sport"}],
        "nearest": [{"key": "9", "text": "near", "label": "politics", "cosine": 0.7}],
    }  # fmt: skip


def test_a_label_that_was_put_right_in_the_tool_is_gone(world: World) -> None:
    keys = labelled(world)
    inspect(world, keys[:4])
    world.tool.submit(keys[1], {"topic": "politics"}, annotator=f"person {keys[1]}")
    world.settle()
    told = read(world)
    assert [one["key"] for one in told["labels"]] == [keys[0], keys[2], keys[3]]
    assert told["changed"] == 1
    with world.database.session() as session:
        newest = session.query(Event).filter_by(example_key=keys[1], question="topic").order_by(Event.id.desc()).first()
    assert newest is not None
    assert (newest.action, newest.answer) == ("updated", "politics"), "it came back like any other label"


def test_a_label_that_was_deleted_or_got_a_second_opinion_is_gone(world: World) -> None:
    keys = labelled(world)
    inspect(world, keys[:3])
    world.tool.delete(f"{keys[0]}/person {keys[0]}")
    world.tool.submit(keys[0], {"topic": "politics"}, annotator="somebody else")
    world.tool.submit(keys[1], {"topic": "sport"}, annotator="somebody else")
    world.settle()
    assert [one["key"] for one in read(world)["labels"]] == [keys[2]]


def test_what_is_said_about_another_question_changes_nothing(world: World) -> None:
    keys = labelled(world)
    inspect(world, keys[:1])
    city = [{"start": 0, "end": 4, "label": "city"}]
    world.tool.submit(keys[0], {"topic": "sport", "places": city}, annotator=f"person {keys[0]}")
    world.settle()
    assert [one["key"] for one in read(world)["labels"]] == [keys[0]]


def test_an_example_that_is_gone_is_not_listed(world: World) -> None:
    keys = labelled(world)
    inspect(world, keys[:2])
    with world.database.transaction() as tx:
        tx.query(ExampleRow).filter_by(key=keys[0]).one().gone = True
    assert [one["key"] for one in read(world)["labels"]] == [keys[1]]


def test_a_kind_that_is_not_ranked_says_so(world: World) -> None:
    labelled(world)
    inspect(world, [], reason="Labels of this kind are not ranked.")
    assert (read(world)["reason"], read(world)["labels"]) == ("Labels of this kind are not ranked.", [])


def test_of_a_shared_question_each_project_has_its_own(world: World) -> None:
    keys = labelled(world)
    with world.database.transaction() as tx:
        home = tx.query(QuestionRow).filter_by(name="topic").one()
        number = home.project_id
        # as `--share-with` leaves it: another question answers to this one's rounds
        tx.add(QuestionRow(project_id=number, name="theme", spec=home.spec, home_id=home.id))
    inspect(world, [f"{number}/{keys[0]}", f"77/{keys[1]}"])
    assert [one["key"] for one in read(world)["labels"]] == [keys[0]]
