"""The whole way: connect, suggest, label, train, swap, announce, backfill; with everything that goes wrong on it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from labelwheel.backend.database import keyring
from labelwheel.backend.database.tables import ExampleRow, Impression, Project
from labelwheel.backend.errors import Conflict
from labelwheel.backend.onboarding.connecting import check_alone
from labelwheel.backend.projects import projects
from labelwheel.plugins.errors import AddressRefused, ToolFailed, ToolRefused, ToolUnreachable
from labelwheel.training.spec import Part
from tests.backend.fake_jobs import BAD
from tests.backend.world import World


def test_suggestions_are_there_before_the_first_label(world: World) -> None:
    world.tool.add(*(f"text {number}" for number in range(8)))
    world.connect()
    world.settle()
    assert world.project.state == "connected"
    assert world.tool.service is not None
    assert world.tool.service.url == "http://us:9090"
    assert {item.version for item in world.tool.shown.values()} == {world.generation}
    assert world.kinds() == ["ordered", "started", "promoted"]
    assert world.decisions[1][2] == "it learns from the label names", "nobody ordered it, labelwheel did"
    assert world.kinds("places") == []  # nothing can be suggested for spans yet
    assert world.kinds(None) == ["connected"]
    assert world.project.options == {"backend": 1}


def test_labels_become_a_round_and_a_better_champion_everywhere(world: World) -> None:
    world.tool.add(*(f"text {number}" for number in range(8)))
    world.connect()
    world.settle()
    before = world.generation
    world.label(4)
    world.settle()
    assert world.generation != before
    assert world.kinds()[3:] == ["ordered", "started", "promoted"]
    assert world.tool.announced[-1] == world.generation
    world.until(lambda: before in world.tool.retired)
    assert world.generation not in world.tool.retired
    champion = world.checkpoints[-1]
    assert (champion.label_count, champion.score, champion.metric) == (4, 0.9, "macro F1")
    assert champion.parent_id == world.checkpoints[0].id


def test_a_round_does_not_say_that_it_learns_from_what_is_held_out(world: World) -> None:
    world.tool.add(*(f"text {number}" for number in range(8)))
    world.connect()
    world.settle()
    with world.database.transaction() as tx:
        tx.scalars(select(ExampleRow).where(ExampleRow.key == "2")).one().part = Part.HELD_OUT
    world.label(5)
    world.settle()
    told = [reason for question, kind, reason in world.decisions if (question, kind) == ("topic", "started")]
    assert told[1] == "it learns from 4 labelled examples, and 1 that are held out measure it"


def test_a_worse_challenger_changes_nothing(world: World) -> None:
    world.tool.add(*(f"text {number}" for number in range(8)))
    world.connect()
    world.settle()
    before = world.generation
    world.launcher.automatic = BAD
    world.label(4)
    world.settle()
    assert world.generation == before
    assert set(world.tool.announced) == {before}, "now and then it is told what it knows, and never anything else"
    assert world.kinds()[-1] == "rejected"
    assert len(world.checkpoints) == 1
    assert [path.name for path in world.settings.checkpoints.folder.iterdir()] == [world.checkpoints[0].version]
    world.turns(5)
    assert world.kinds()[-1] == "rejected"  # the same labels are no reason to try again


def test_connecting_again_renews_the_key(world: World) -> None:
    world.connect()
    world.settle()
    assert world.connect("another") == 1
    world.settle()
    assert (keyring.load(world.settings).open(world.project.api_key), world.tool.calls.count("wire")) == ("another", 2)
    assert len(world.rounds) == 1


@pytest.mark.parametrize(
    "error",
    [
        ToolRefused("make a new token"),
        AddressRefused("set SSRF_PROTECTION"),
    ],
)
def test_a_refusal_is_told_and_leaves_nothing_wired(world: World, error: Exception) -> None:
    world.tool.failing["wire"] = error
    world.connect()
    world.until(lambda: world.project.state == "failed")
    assert world.project.problem == str(error)
    assert world.tool.calls[-1] == "unwire"
    world.tool.failing.clear()
    world.connect()
    world.settle()


def test_a_tool_that_is_not_there_is_given_up_when_connecting(world: World) -> None:
    world.tool.broken = ToolUnreachable("http://x does not answer")
    world.connect()
    world.until(lambda: world.project.state == "failed")
    assert world.project.problem == "http://x does not answer"


def test_an_outage_loses_nothing_and_is_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.connect()
    world.settle()
    world.tool.broken = ToolUnreachable("http://x does not answer")
    world.label(3)
    world.turns(5)
    assert world.project.problem == "http://x does not answer"
    assert sum("does not answer" in record.message for record in caplog.records) == 1
    world.label(6)
    world.tool.broken = None
    world.settle()
    assert world.project.problem is None
    assert world.checkpoints[-1].label_count == 9


def test_one_projects_error_never_stops_another(world: World) -> None:
    world.connect()
    world.settle()
    with world.database.transaction() as tx:
        from labelwheel.backend.projects import projects

        projects.register(tx, world.settings, "fake", "http://nowhere", "2", "k")
    world.label(4)
    world.until(lambda: world.kinds()[-1] == "promoted" and len(world.checkpoints) == 2)


def test_a_backfill_goes_on_where_it_was_and_never_shows_an_older_version(world: World) -> None:
    world.tool.add(*(f"text number {number} of many" for number in range(12)))
    world.connect()
    world.until(lambda: len(world.tool.shown) >= 3)
    assert len(world.tool.shown) < 12
    pushes = world.tool.calls.count("push")
    world.start()
    world.settle()
    assert world.tool.calls.count("push") - pushes == 3  # 12 examples in pages of 3, the first was done
    assert {item.version for item in world.tool.shown.values()} == {world.generation}


def test_a_newer_generation_drops_the_backfill_of_the_older(world: World) -> None:
    world.tool.add(*(f"text number {number} of many" for number in range(30)))
    world.connect()
    world.until(lambda: len(world.tool.shown) >= 3)
    first = world.generation
    world.label(4)
    world.order(trigger="labels")
    world.settle()
    assert first != world.generation
    unlabelled = set(world.tool.examples) - {work.example for work in world.tool.work.values()}
    assert {world.tool.shown[key].version for key in unlabelled} == {world.generation}


def test_labels_are_taken_in_while_a_backfill_runs(world: World) -> None:
    world.tool.page_size = 2
    world.tool.add(*(f"text number {number} of many" for number in range(40)))
    world.connect()
    world.until(lambda: world.tool.shown)
    world.label(2)
    world.until(lambda: len(world.tool.work) == 2 and world.kinds() and _labels(world) == 2)
    assert len(world.tool.shown) < 38


def _labels(world: World) -> int:
    from labelwheel.backend.views import counts

    with world.database.session() as session:
        return counts.examples(session, 1)["labelled"]


def test_new_examples_get_suggestions_later_too(world: World) -> None:
    world.tool.add("one", "two")
    world.connect()
    world.settle()
    world.tool.add("three")
    world.settle()
    assert "3" in world.tool.shown


def test_nothing_is_announced_before_every_web_process_serves_it(world: World) -> None:
    world.connect()
    world.settle()
    announced = list(world.tool.announced)
    world.web.up = False
    world.label(4)
    world.until(lambda: len(world.checkpoints) == 2)
    world.turns(5)
    assert world.tool.announced == announced
    world.web.up = True
    world.settle()
    assert world.tool.announced == [*announced, world.generation]


def test_a_broken_champion_is_replaced_by_the_one_before(world: World) -> None:
    world.connect()
    world.settle()
    world.label(4)
    world.settle()
    good, bad = world.checkpoints
    world.web.broken.add(bad.version)
    world.until(lambda: world.question().champion_id == good.id)
    world.settle()
    assert world.kinds()[-1] == "fell back"
    assert world.checkpoints[-1].broken == "no such file"


def test_a_broken_only_champion_is_made_anew_from_the_names(world: World) -> None:
    world.connect()
    world.settle()
    world.web.broken.add(world.checkpoints[0].version)
    world.until(lambda: len(world.checkpoints) == 2)
    world.settle()
    assert [row.recipe for row in world.checkpoints] == ["names", "names"]


def test_disconnecting_undoes_the_wiring_and_keeps_the_labels(world: World) -> None:
    from labelwheel.backend.projects import projects

    world.connect()
    world.label(4)
    world.settle()
    with world.database.transaction() as tx:
        projects.disconnect(tx, 1)
    world.until(lambda: world.project.state == "disconnected")
    assert world.tool.service is None
    assert _labels(world) == 4
    champion = world.question().champion_id
    world.connect()
    world.settle()
    assert world.question().champion_id == champion


def test_a_changed_configuration_is_followed(world: World) -> None:
    from labelwheel.plugins.testing.fake_tool import TOPIC
    from labelwheel.training.questions import Option, Question

    world.connect()
    world.settle()
    before = world.generation
    bigger = Question(
        name="topic", kind=TOPIC.kind, inputs=TOPIC.inputs, options=(*TOPIC.options, Option(value="weather"))
    )
    world.tool.questions = (bigger,)
    world.until(lambda: world.kinds(None)[-1] == "configured anew")
    world.settle()
    assert world.generation != before
    assert world.checkpoints[-1].digest == bigger.digest
    assert world.checkpoints[-1].recipe == "names"


def test_options_in_another_order_are_not_called_other_answers(world: World) -> None:
    from labelwheel.plugins.testing.fake_tool import TOPIC
    from labelwheel.training.questions import Question

    world.connect()
    world.settle()
    world.tool.questions = (Question(name="topic", kind=TOPIC.kind, inputs=TOPIC.inputs, options=TOPIC.options[::-1]),)
    world.until(lambda: world.kinds(None)[-1] == "configured anew")
    _, _, reason = next(one for one in world.decisions[::-1] if one[1] == "configured anew")
    assert "question 'topic' has its answers in another order" in reason.split("; ")


def test_what_is_shown_is_remembered(world: World) -> None:
    world.tool.add(*(f"text {number}" for number in range(4)))
    world.connect()
    world.settle()
    with world.database.session() as session:
        rows = session.scalars(select(Impression)).all()
    assert {row.example_key for row in rows} == {"1", "2", "3", "4"}
    assert {row.version for row in rows} == {world.generation}
    assert {row.example_key: row.answers for row in rows} == {
        key: {name: one.answer for name, one in item.predictions.items() if one.answer not in (None, [])}
        for key, item in world.tool.shown.items()
    }
    assert {row.example_key: row.scores for row in rows} == {key: {"topic": 0.5} for key in "1234"}


def test_what_the_tool_refuses_is_not_remembered_as_shown(world: World) -> None:
    world.tool.add("text")
    world.tool.failing["push"] = ToolFailed("not now")
    world.connect()
    world.turns(20)
    assert "push" in world.tool.calls
    with world.database.session() as session:
        assert session.scalars(select(Impression)).all() == []


def test_a_place_is_connected_once(world: World) -> None:
    world.tool.add("text")
    world.connect()
    world.settle()
    with world.database.transaction() as tx:
        first = tx.get_one(Project, 1)
        projects.register(tx, world.settings, first.tool, first.url, "another name", "key", "http://us:9090")
        tx.get_one(Project, 2).reference = None
    reference = world.project.reference
    # a dataset that was renamed has its old name here, and only by that one can it be given another key
    known = "project 1 already, by the name '1': connect it by that name"
    with pytest.raises(Conflict, match=known), world.database.transaction() as tx:
        check_alone(tx, tx.get_one(Project, 2), str(reference))
    with world.database.transaction() as tx:
        check_alone(tx, tx.get_one(Project, 1), str(reference))
        check_alone(tx, tx.get_one(Project, 2), "elsewhere")
