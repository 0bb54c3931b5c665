"""One champion of two projects: labels of both train it, both are served with it, and each can go on alone."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.errors import Conflict, InvalidRequest, NotFound
from labelwheel.backend.onboarding import sharing
from labelwheel.backend.projects import generations, projects
from labelwheel.backend.rounds import data, round_commands
from labelwheel.backend.views.status import status
from labelwheel.plugins.testing.fake_tool import PLACES, TOPIC, FakeConnector, Tool
from labelwheel.training.evaluation.splits import side, signature
from labelwheel.training.questions import Kind, Option, Question
from tests.backend.fake_jobs import GOOD, finish
from tests.backend.world import World

THEME = Question(name="theme", kind=Kind.CHOICE, inputs=("body",), options=TOPIC.options[::-1])
MOOD = Question(name="mood", kind=Kind.RATING, inputs=("body",), minimum=1, maximum=5)


def trains(text: str) -> bool:
    """Whether a text falls on the training side of both projects: only that counts towards a round."""
    return all(side(signature(text).key, salt=f"fake/{number}") == "train" for number in (1, 2))


class Two:
    """A project that is connected, and the tool of another that asks its first question under another name."""

    def __init__(self, world: World) -> None:
        self.world, self.tool = world, Tool(questions=(THEME, MOOD), field_name="body")
        self.url = f"{world.url}/second"
        FakeConnector.tools[self.url] = self.tool
        world.connect()
        world.settle()

    def connect(self, share_with: str | None = "1") -> None:
        world = self.world
        with world.database.transaction() as tx:
            projects.register(tx, world.settings, "fake", self.url, "2", "key", "http://us", share_with=share_with)

    def name(self, slices: str) -> None:
        """From now on these are named by LABELWHEEL_SLICES."""
        self.world.settings = self.world.settings.model_copy(update={"slices": slices})
        self.world.settings.__dict__.pop("named_slices", None)  # it may have been read before
        self.world.start()

    def until_shared(self) -> None:
        self.connect()
        self.world.until(self.settled)

    def settled(self) -> bool:
        """Nothing runs, and both are told what they are served with."""
        seen = self.status()
        running = any(each["round"] for one in seen for each in one["questions"])
        versions = [one["version"] for one in seen if one["state"] == "connected"]
        filled = all(
            one["backfill"] and one["backfill"]["state"] == "done" for one in seen if one["state"] == "connected"
        )
        told = all(each["served"] == [each["current"]] == [each["announced"]] for each in versions)
        return not running and len(seen) == len(versions) == 2 and told and filled

    def label(self, *answers: str, tool: Tool | None = None) -> None:
        tool = tool or self.tool
        name = tool.questions[0].name
        for answer in answers:
            number = len(tool.examples)
            start = f"{tool.field_name} {'abcdefghijklm'[number % 13] * 9} {answer} {chr(110 + number) * 8}"
            (key,) = tool.add(next(text for text in (f"{start} {'z' * more}" for more in range(99)) if trains(text)))
            tool.submit(key, {name: answer})

    def row(self, number: int) -> QuestionRow:
        """The shared question of a project, as it is now."""
        with self.world.database.session() as session:
            return projects.question(session, number, "topic" if number == 1 else "theme")

    def status(self) -> list[dict[str, Any]]:
        with self.world.database.session() as session:
            found: list[dict[str, Any]] = status(session, self.world.settings)["projects"]
        return found

    def log(self, number: int) -> list[str]:
        """The kinds of decisions about the shared question, the oldest first."""
        found = next(one for one in self.status() if one["id"] == number)["decisions"]
        return [line["kind"] for line in reversed(found) if line["question"] in ("topic", "theme")]

    def members(self, number: int) -> dict[str, int]:
        """What a project is served with: checkpoint by question."""
        with self.world.database.session() as session:
            found = generations.of(session, projects.get(session, number))
            assert found is not None
            return dict(found.members)

    def train(self) -> CheckpointRow:
        """A whole round on four labels, two of each project."""
        self.label("sport", "politics")
        self.label("politics", "sport", tool=self.world.tool)
        before = len(self.world.checkpoints)
        self.world.until(lambda: len(self.world.checkpoints) > before)
        self.world.until(self.settled)
        return self.world.checkpoints[-1]


@pytest.fixture
def two(world: World, monkeypatch: pytest.MonkeyPatch) -> Two:
    # two fresh labels are a round here; how many can decide one is another test's
    monkeypatch.setattr("labelwheel.training.sufficiency.DECIDING_GROUPS", 1)
    return Two(world)


def rows(*questions: Question) -> list[QuestionRow]:
    return [
        QuestionRow(id=number, name=each.name, spec=each.model_dump(mode="json"))
        for number, each in enumerate(questions, start=1)
    ]


MORE = Question(name="topic", kind=Kind.CHOICE, inputs=("text",), options=(*TOPIC.options, Option(value="weather")))


@pytest.mark.parametrize(
    ("mine", "theirs", "found"),
    [
        ((TOPIC, PLACES), (PLACES, TOPIC), {"topic": "topic", "places": "places"}),
        ((THEME, MOOD), (TOPIC, PLACES), {"theme": "topic"}),
        ((TOPIC, THEME), (TOPIC,), {"topic": "topic"}),  # the name decides
        ((THEME,), (TOPIC, TOPIC.model_copy(update={"name": "other"})), {}),  # which of the two?
        ((THEME, THEME.model_copy(update={"name": "other"})), (TOPIC,), {}),
        ((MORE,), (TOPIC,), {}),
        ((TOPIC.model_copy(update={"kind": Kind.CHOICES}),), (TOPIC,), {}),
        ((MOOD,), (MOOD.model_copy(update={"maximum": 7}),), {}),
    ],
)
def test_who_asks_the_same(mine: tuple[Question, ...], theirs: tuple[Question, ...], found: dict[str, str]) -> None:
    assert {pair.mine.name: pair.theirs.name for pair in sharing.match(rows(*mine), rows(*theirs))} == found


def test_labels_of_both_train_one_champion_that_serves_both(two: Two) -> None:
    two.until_shared()
    assert two.members(2) == {"theme": two.row(1).champion_id}
    before = [one["version"]["current"] for one in two.status()]
    checkpoint = two.train()
    job = two.world.launcher.last
    assert (job.spec.question.name, job.spec.question.inputs) == ("topic", ("text",))
    told = {(row["example"]["key"][:2], next(iter(row["example"]["fields"])), row["answer"]) for row in job.rows}
    assert told == {(side, "text", answer) for side in ("1/", "2/") for answer in ("sport", "politics")}
    assert {row["example"]["fields"]["text"].split()[0] for row in job.rows} == {"text", "body"}
    assert {next(iter(row["fields"])) for row in job.unlabelled or ()} <= {"text"}
    with two.world.database.session() as session:  # whichever side asks for the labels
        found = [[row.example.key for row in data.labelled(session, two.row(number))] for number in (1, 2)]
    assert found[0] == found[1] == [row["example"]["key"] for row in job.rows]
    assert two.members(1)["topic"] == two.members(2)["theme"] == checkpoint.id
    after = [one["version"]["current"] for one in two.status()]
    assert not set(before) & set(after)
    assert [two.world.tool.announced[-1], two.tool.announced[-1]] == after
    assert two.log(1)[-3:] == two.log(2)[-3:] == ["ordered", "started", "promoted"]
    assert [found.recipe for found in two.world.rounds] == ["names", "auto"]


def test_one_text_in_both_is_one_example_that_all_its_annotators_decide(two: Two) -> None:
    two.until_shared()
    two.world.launcher.automatic = None
    two.name("source=web, batch=may, stars=5")
    (ours,) = two.world.tool.add("the very same text")
    (theirs,) = two.tool.add("the very same text")
    two.world.tool.describe(ours, {"source": "web", "batch": "may", "stars": 5})
    two.tool.describe(theirs, {"source": "mail", "stars": "5"})
    two.world.tool.submit(ours, {"topic": "sport"}, annotator="1")
    two.tool.submit(theirs, {"theme": "politics"}, annotator="1")  # another tool's number 1
    two.tool.submit(theirs, {"theme": "politics"}, annotator="2")
    two.label("sport", "politics", "sport")
    two.world.until(lambda: len(two.world.launcher.jobs) == 2)
    found = [row for row in two.world.launcher.last.rows if row["example"]["fields"]["text"] == "the very same text"]
    assert [(row["answer"], row["slices"]["project"]) for row in found] == [("politics", "several")]
    told = {name: found[0]["slices"].get(name) for name in ("source", "batch", "stars")}
    assert told == {"source": "several", "batch": "may", "stars": "5"}
    rows = two.world.launcher.last.rows
    assert [row["slices"]["project"] for row in rows] == ["A project (2)"] * 3 + ["several"]


def test_the_labels_that_a_project_brings_count_as_new(two: Two) -> None:
    two.connect(None)
    two.label("sport", "politics")
    two.world.until(two.settled)
    two.label("sport", "politics", "sport", "politics", tool=two.world.tool)
    two.world.until(lambda: two.world.checkpoints[-1].recipe == "auto")
    two.world.until(two.settled)
    two.world.launcher.automatic = None
    jobs = len(two.world.launcher.jobs)
    two.connect()
    two.world.until(lambda: len(two.world.launcher.jobs) > jobs)
    rows = two.world.launcher.last.rows
    assert (len(rows), [row["example"]["key"][:2] for row in rows if row["fresh"]]) == (6, ["2/", "2/"])


def test_a_champion_that_learnt_is_not_given_up_for_one_that_did_not(two: Two) -> None:
    two.connect(None)
    two.label("sport", "politics", "sport", "politics")
    two.world.until(lambda: two.world.checkpoints[-1].recipe == "auto")
    trained = two.world.checkpoints[-1]
    two.until_shared()
    assert two.members(1)["topic"] == two.members(2)["theme"] == trained.id
    two.train()
    assert two.members(1)["topic"] == two.members(2)["theme"] != trained.id


def test_a_rollback_and_a_broken_checkpoint_concern_both(two: Two) -> None:
    two.until_shared()
    names = two.row(1).champion_id
    trained = two.train()
    with two.world.database.transaction() as tx:
        assert round_commands.rollback(tx, two.row(2).id).id == names
    two.world.until(two.settled)
    assert two.members(1)["topic"] == two.members(2)["theme"] == names
    assert [two.row(number).pinned for number in (1, 2)] == [True, True]
    for number in (1, 2):
        assert [kind for kind in two.log(number) if kind != "skipped"][-1] == "rolled back"
    with two.world.database.transaction() as tx:
        round_commands.rollback(tx, two.row(1).id, trained.version)
    two.world.web.broken.add(trained.version)
    two.world.web.serving.clear()
    two.world.until(lambda: two.row(2).champion_id == names)
    two.world.until(two.settled)
    assert two.members(1)["topic"] == names
    assert (two.log(1).count("fell back"), two.log(2).count("fell back")) == (1, 1)


def test_orders_from_both_sides_start_one_round(two: Two) -> None:
    two.until_shared()
    results = []

    def order(number: int) -> None:
        try:
            with two.world.database.transaction() as tx:
                round_commands.order(tx, number, "labels")
            results.append("ordered")
        except Conflict:
            results.append("conflict")

    threads = [threading.Thread(target=order, args=(two.row(1 + number % 2).id,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["conflict"] * 5 + ["ordered"]


def test_both_tell_whom_they_share_with(two: Two) -> None:
    two.until_shared()
    ours, theirs = two.status()
    told = {each["name"]: each["shared_with"] for one in (ours, theirs) for each in one["questions"]}
    facts = {"tool": "fake", "state": "connected", "title": "A project"}
    assert told == {
        "topic": [{**facts, "project": 2, "question": "theme"}], "places": [],
        "theme": [{**facts, "project": 1, "question": "topic"}], "mood": [],
    }  # fmt: skip
    assert [line["question"] for line in theirs["decisions"] if line["kind"] == "not shared"] == ["mood"]
    assert [line["kind"] for line in ours["decisions"]].count("shared") == 1


def test_connecting_again_changes_nothing(two: Two) -> None:
    two.until_shared()
    two.train()
    before = (two.members(1), two.members(2), len(two.world.checkpoints), two.world.generation)
    for share_with in ("1", None):
        two.connect(share_with)
        two.world.until(two.settled)
        two.world.turns(5)
    assert (two.members(1), two.members(2), len(two.world.checkpoints), two.world.generation) == before
    assert two.log(2).count("shared") == 1
    assert two.row(2).home_id == two.row(1).id


def test_what_cannot_be_shared_is_refused_in_words(two: Two) -> None:
    for wanted, error in (("7", NotFound), ("nobody's", NotFound)):
        with pytest.raises(error, match=r"1 \(A project\)"):
            two.connect(wanted)
    two.tool.questions = (MOOD,)
    two.connect()
    two.world.until(lambda: two.status()[-1]["state"] == "failed")
    assert "mood (rating: 1, 2, 3, 4, 5)" in two.status()[-1]["problem"]
    assert "topic (choice: sport, politics)" in two.status()[-1]["problem"]
    with pytest.raises(InvalidRequest, match="itself"):
        two.connect("2")
    two.tool.questions = (THEME,)
    two.until_shared()


@pytest.mark.parametrize("gone", [1, 2])
def test_disconnecting_one_leaves_the_other_working(two: Two, gone: int) -> None:
    two.until_shared()
    two.label("sport", tool=two.world.tool)
    two.label("politics")
    two.world.turns(3)
    with two.world.database.transaction() as tx:
        projects.disconnect(tx, gone)
    two.world.until(lambda: len(two.status()) == 1)
    two.label("sport", "politics", tool=two.tool if gone == 1 else two.world.tool)
    two.world.until(lambda: two.world.checkpoints[-1].recipe == "auto")
    assert two.world.checkpoints[-1].label_count == 4  # labels of a disconnected project stay in the ledger
    left = 3 - gone
    (shown,) = two.status()
    assert next(each for each in shown["questions"] if each["shared_with"])["shared_with"][0]["state"] == "disconnected"
    assert two.world.checkpoints[-1].id in two.members(left).values()
    two.connect(None) if gone == 2 else two.world.connect()
    two.world.until(two.settled)
    assert two.members(1)["topic"] == two.members(2)["theme"] == two.world.checkpoints[-1].id


@pytest.mark.parametrize("changed", [1, 2])
def test_other_options_end_the_sharing(two: Two, changed: int) -> None:
    two.until_shared()
    shared = two.train()
    tools = {1: two.world.tool, 2: two.tool}
    asked = tools[changed].questions[0]
    more = Question.model_validate(asked.model_dump() | {"options": (*asked.options, Option(value="weather"))})
    tools[changed].questions = (more, *tools[changed].questions[1:])
    two.world.until(lambda: not two.status()[0]["questions"][0]["shared_with"])
    for number in (1, 2):
        assert "no longer shared" in two.log(number)
        assert "weather" in next(
            line["reason"] for line in two.status()[number - 1]["decisions"] if line["kind"] == "no longer shared"
        )
    assert two.row(3 - changed).champion_id == shared.id
    # each goes on alone, and keeps what it was left with, however many rounds the other has
    for _ in range(two.world.settings.keep_checkpoints + 1):
        two.world.until(two.settled)
        with two.world.database.transaction() as tx:
            round_commands.order(tx, two.row(changed).id, "labels")
    two.world.until(two.settled)
    assert two.row(3 - changed).champion_id == shared.id
    assert (two.world.settings.checkpoints.folder / shared.folder).exists()
    alone = tools[3 - changed]
    two.label("sport", "politics", "sport", "politics", tool=alone)
    two.world.until(lambda: two.row(3 - changed).champion_id != shared.id)
    two.world.until(two.settled)
    assert two.row(changed).champion_id != two.row(3 - changed).champion_id
    assert len(two.world.launcher.last.rows) == 6


def test_a_round_that_runs_goes_on_for_whom_it_is_still_about(two: Two) -> None:
    two.until_shared()
    two.world.launcher.automatic = None
    two.label("sport", "politics", "sport", "politics")
    two.world.until(lambda: len(two.world.launcher.jobs) == 2 and two.world.rounds[-1].handle)
    names = two.row(2).champion_id
    two.tool.questions = ()
    two.world.until(lambda: not two.status()[0]["questions"][0]["shared_with"])
    two.world.launcher.automatic = GOOD
    finish(two.world.launcher.last)
    two.world.until(lambda: two.row(1).champion_id != names)
    with two.world.database.session() as session:
        gone = session.get_one(QuestionRow, two.row(1).id + 2)
    assert (gone.name, gone.active, gone.champion_id) == ("theme", False, names)
