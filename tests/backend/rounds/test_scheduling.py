"""Whether a round is due is what it would be if all was read anew, at each moment; and nothing is read for nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from labelwheel.backend import clock
from labelwheel.backend.database import tables
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Decision, QuestionRow
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.rounds import evidence, round_commands
from labelwheel.backend.rounds.policy import Verdict, judge
from labelwheel.backend.rounds.scheduling import Scheduler
from labelwheel.plugins.testing.fake_tool import PLACES, TOPIC, FakeConnector, Tool
from labelwheel.training.questions import Option
from tests.backend.counting import counted
from tests.backend.fake_jobs import BAD, GOOD, crash
from tests.backend.world import World

ANSWERS = ("sport", "politics")
STEPS = 70


class Time:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    found = Time()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return found.now

    for place in (tables.base, clock):
        monkeypatch.setattr(place, "datetime", Clock)
    return found


@pytest.fixture
def watching(database_url: str) -> Iterator[Database]:
    """The database as another process sees it, which remembers nothing of what this one does."""
    database = Database(database_url)
    yield database
    database.dispose()


class History:
    """What may happen to projects, by chance."""

    def __init__(self, world: World, time: Time, seed: int, tools: list[Tool]) -> None:
        self._world, self._time, self._tools = world, time, tools
        self._draw = random.Random(seed)
        self._texts = 0

    def go_on(self) -> None:
        """Something happens; what is refused does not."""
        (happens,) = self._draw.choices(
            [self._label, self._turn, self._job, self._command, self._wait, self._correct, self._change],
            [6, 6, 3, 3, 4, 2, 1],
        )
        with suppress(Conflict, NotFound):
            happens()

    def _label(self) -> None:
        """Mostly texts that are there for long: a label is then the only thing that is new."""
        tool = self._draw.choice(self._tools)
        labelled = {work.example for work in tool.work.values()}
        free = [key for key in tool.examples if key not in labelled]
        if not free:
            self._texts += (count := 40)
            tool.add(
                *(
                    " ".join(f"{(n * 7919 + k) ** 5:x}"[-7:] for k in range(6))
                    for n in range(self._texts - count, self._texts)
                )
            )
            return
        answers = ANSWERS[: self._draw.choice((1, 2, 2))]
        for key in free[: self._draw.choice((1, 4, 12))]:
            tool.submit(key, {"topic": self._draw.choice(answers)})

    def _turn(self) -> None:
        self._world.turns(self._draw.choice((1, 1, 3)))

    def _job(self) -> None:
        """A round that is under way ends well, badly, or not at all."""
        self._world.launcher.automatic = self._draw.choice((GOOD, BAD, None, None))
        if self._world.launcher.automatic is None:
            self._world.turns(3)
            crash(self._world.launcher.last, "no luck", code=1)
        self._world.turn()

    def _command(self) -> None:
        number = self._draw.choice(range(len(self._tools))) + 1
        with self._world.database.transaction() as tx:
            asked = projects.question(tx, number, "topic")
            match self._draw.choice(("train", "roll back", "cancel")):
                case "train":
                    round_commands.order(tx, asked.id)
                case "roll back":
                    round_commands.rollback(tx, asked.id)
                case "cancel" if (active := round_commands.active(tx, asked)) is not None:
                    round_commands.cancel(tx, active.id)

    def _wait(self) -> None:
        self._time.move(self._draw.choice((0.5, 3.0, 12.0, 40.0, 400.0, -30.0)))

    def _correct(self) -> None:
        tool = self._draw.choice(self._tools)
        if not tool.work:
            return
        work = self._draw.choice(list(tool.work.values()))
        match self._draw.choice(("other", "edit", "delete")):
            case "other":
                tool.submit(work.example, {"topic": self._draw.choice(ANSWERS)})
            case "edit":
                tool.edit(work.example, f"{self._draw.random()} is what it says now")
            case "delete":
                tool.delete(work.key)
                tool.log.append(work.example)

    def _change(self) -> None:
        """Somebody has other options, in every project alike, or nothing but another line in a log."""
        if self._draw.random() < 0.5:
            number = len(self._tools[0].questions[0].options) % 2 + 2
            options = (*TOPIC.options, Option(value="weather"))[:number]
            for tool in self._tools:
                tool.questions = (TOPIC.model_copy(update={"options": options}), *tool.questions[1:])
            return
        with self._world.database.transaction() as tx:
            tx.add(Decision(project_id=1, question="topic", kind="a word", reason="of nobody"))


def anew(world: World, number: int) -> dict[int, Verdict]:
    """What the policy says of a project where nothing is remembered."""
    with world.database.session() as session:
        rows: list[QuestionRow] = projects.questions(session, number)
        return {row.id: judge(evidence.gather(session, row, world.settings), world.settings) for row in rows}


def share(world: World) -> Tool:
    """A second project that shares the first question's champion."""
    tool, url = Tool(questions=(TOPIC,)), f"{world.url}/second"
    FakeConnector.tools[url] = tool
    with world.database.transaction() as tx:
        projects.register(tx, world.settings, "fake", url, "2", "key", "http://us", share_with="1")

    def connected() -> bool:
        with world.database.session() as session:
            return {one.state for one in projects.everyone(session)} == {"connected"}

    world.until(connected)
    return tool


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("together", [False, True], ids=["alone", "shared"])
def test_what_is_remembered_is_what_would_be_read(
    world: World, watching: Database, time: Time, monkeypatch: pytest.MonkeyPatch, together: bool, seed: int
) -> None:
    monkeypatch.setattr("labelwheel.training.sufficiency.DECIDING_GROUPS", 4)
    world.settings = world.settings.model_copy(update={"quiet_seconds": 5.0})
    world.start()
    world.tool.page_size = 50
    world.connect()
    world.settle()
    tools = [world.tool, share(world)] if together else [world.tool]
    watchers = {number + 1: Scheduler(Hold(watching), world.settings, number + 1) for number in range(len(tools))}
    read, real = [0], evidence.read

    def reading(*given: Any) -> Any:
        read[0] += 1
        return real(*given)

    history, said, looks = History(world, time, seed, tools), Counter[str](), 0
    for _ in range(STEPS):
        history.go_on()
        for number, watcher in watchers.items():
            wanted = anew(world, number)
            with monkeypatch.context() as patched:
                patched.setattr(evidence, "read", reading)
                found = watcher.verdicts()
            assert found == wanted
            looks += len(found)
            said.update(verdict.code for verdict in found.values())
    assert {"active", "waiting", "quiet"} <= set(said), said
    assert 0 < read[0] < looks


def test_a_pause_ends_although_nothing_is_written(world: World, time: Time) -> None:
    world.tool.page_size = 50
    world.connect()
    world.settle()
    world.launcher.automatic = None
    world.label(12)
    world.until(lambda: world.rounds[-1].handle)
    crash(world.launcher.last, "no luck", code=1)
    world.until(lambda: world.rounds[-1].state == "failed")
    count = len(world.rounds)
    world.turns(3)
    assert len(world.rounds) == count
    time.move(60)
    world.turn()
    assert len(world.rounds) == count + 1


def test_an_order_is_seen_at_the_next_look(world: World, watching: Database) -> None:
    world.connect()
    world.settle()
    watcher = Scheduler(Hold(watching), world.settings, 1)
    number = world.question().id
    assert watcher.verdicts()[number].code == "waiting"
    with world.database.transaction() as tx:
        active = round_commands.order(tx, number, trigger="labels").id
    assert watcher.verdicts()[number].code == "active"
    with world.database.transaction() as tx:
        round_commands.cancel(tx, active)
    assert watcher.verdicts()[number].code == "waiting"


def test_a_question_as_it_was_before_a_promotion_orders_no_round_on_top_of_it(world: World) -> None:
    world.launcher.automatic = None
    world.connect()
    world.until(lambda: bool(world.rounds) and world.rounds[-1].handle)
    with world.database.session() as session:
        before = projects.questions(session, 1)[0]
    assert before.champion_id is None
    world.launcher.automatic = GOOD
    world.settle()
    assert world.question().champion_id is not None
    with world.database.session() as session:
        verdict = judge(evidence.gather(session, before, world.settings), world.settings)
    assert verdict.recipe is None, verdict.reason


def test_asking_again_is_one_statement_however_many_questions_there_are(world: World) -> None:
    found = []
    for questions in ((TOPIC,), (TOPIC, PLACES), (TOPIC, PLACES, TOPIC.model_copy(update={"name": "theme"}))):
        world.tool.questions = questions
        if not found:
            world.connect()
        world.turns(3)
        world.settle()
        scheduler = Scheduler(world.hold, world.settings, 1)
        scheduler.step()
        with counted() as after:
            assert scheduler.step() == 0
        found.append(len(after.statements))
    assert found == [1, 1, 1]


def test_why_no_round_starts_is_written_again_where_something_else_was(world: World) -> None:
    world.connect()
    world.settle()
    world.label(9, answers=("sport",))
    world.until(lambda: "skipped" in world.kinds())
    world.turns(5)
    assert world.kinds().count("skipped") == 1
    with world.database.transaction() as tx:
        tx.add(Decision(project_id=1, question="topic", kind="a word", reason="of somebody"))
    world.turns(5)
    assert world.kinds()[-2:] == ["a word", "skipped"]


def test_another_side_of_the_sharing_is_noticed(world: World, watching: Database) -> None:
    """Who joins brings labels and another home: both are rows of another project."""
    world.connect()
    world.settle()
    watcher = Scheduler(Hold(watching), world.settings, 1)
    before = watcher.verdicts()
    tool = share(world)
    keys = tool.add(*(" ".join(f"{(n * 7919 + k) ** 5:x}"[-7:] for k in range(6)) for n in range(12)))
    for place, key in enumerate(keys):
        tool.submit(key, {"topic": ANSWERS[place % 2]})
    world.launcher.automatic = None
    world.turns(6)
    assert watcher.verdicts() == anew(world, 1) != before
