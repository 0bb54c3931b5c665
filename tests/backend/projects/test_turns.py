"""When the web processes turn to another generation: all at once, and not before all are ready."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Generation, HeadRow, Project, ProjectState, QuestionRow, Server, now
from labelwheel.backend.projects import generations, projects, servers, turns


class Fleet:
    """One project, and what web processes report of it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.transaction() as tx:
            project = Project(
                tool="toy", url="u", external_id="1", api_key="k", service_url="s", reference="1",
                state=ProjectState.CONNECTED,
            )  # fmt: skip
            tx.add(project)
            tx.flush()
            self.number = project.id

    def generation(self) -> str:
        with self.database.transaction() as tx:
            return generations.create(tx, tx.get_one(Project, self.number), "a test").name

    def report(self, name: str, ready: str | None = None, problem: str | None = None) -> None:
        reported: Mapping[str, str] = {} if ready is None else {str(self.number): ready}
        problems = {} if problem is None else {str(self.number): {"generation": problem, "message": "broken"}}
        with self.database.transaction() as tx:
            servers.report(tx, name, {}, problems, prepared=dict(reported))

    def settle(self) -> bool:
        found = turns.settle_all(self.database)
        assert found in ([], [self.number])
        return bool(found)

    def turn(self) -> tuple[bool, int]:
        """Whether what is wanted answers, and the turn that is on."""
        with self.database.session() as session:
            found = generations.current(session)[self.number]
            assert found.turn == turns.latest(session.connection(), self.number)
        return found.answers, found.turn


@pytest.fixture
def fleet(database: Database) -> Fleet:
    return Fleet(database)


def test_a_turn_is_taken_once_everybody_is_ready(fleet: Fleet) -> None:
    first = fleet.generation()
    assert not fleet.settle(), "nobody is there"
    fleet.report("a", first)
    fleet.report("b")
    assert not fleet.settle()
    assert fleet.turn() == (False, 0)
    fleet.report("b", first)
    assert fleet.settle()
    assert fleet.turn() == (True, 1)
    second = fleet.generation()
    assert fleet.turn() == (False, 1)
    fleet.report("a", second)
    assert not fleet.settle()
    fleet.report("b", second)
    assert fleet.settle()
    assert fleet.turn() == (True, 2)
    assert not fleet.settle(), "once"


def test_while_somebody_is_not_ready_nothing_is_locked(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.report("a", fleet.generation())
    fleet.report("b")
    locked: list[int] = []
    lock = projects.lock
    monkeypatch.setattr(projects, "lock", lambda tx, number: (locked.append(number), lock(tx, number))[1])
    assert not fleet.settle()
    assert locked == []
    fleet.report("b", fleet.generation())
    assert not fleet.settle(), "a has the one before"
    assert locked == []


def test_a_disconnected_project_is_left_alone(fleet: Fleet) -> None:
    fleet.report("a", fleet.generation())
    with fleet.database.transaction() as tx:
        tx.get_one(Project, fleet.number).state = ProjectState.DISCONNECTED
    assert not fleet.settle()


def test_who_died_is_not_waited_for(fleet: Fleet) -> None:
    first = fleet.generation()
    fleet.report("a", first)
    fleet.report("dead")
    with fleet.database.transaction() as tx:
        tx.get_one(Server, "dead").seen_at = now() - timedelta(seconds=servers.ALIVE_SECONDS + 1)
    assert fleet.settle()


def test_a_part_of_the_first_is_better_than_nothing_and_later_ones_are_whole(fleet: Fleet) -> None:
    first = fleet.generation()
    fleet.report("a", problem=first)
    assert fleet.settle()
    second = fleet.generation()
    fleet.report("a", problem=second)
    assert not fleet.settle()
    assert fleet.turn() == (False, 1)


@pytest.mark.parametrize(("ready", "taken"), [(0, False), (1, False), (2, True), (3, True)])
def test_one_that_cannot_keeps_the_others_for_a_while(fleet: Fleet, ready: int, taken: bool) -> None:
    first = fleet.generation()
    for place in range(4):
        fleet.report(str(place), first)
    assert fleet.settle()
    second = fleet.generation()
    for place in range(4):
        fleet.report(str(place), second if place < ready else first)
    assert not fleet.settle()
    with fleet.database.transaction() as tx:
        found = tx.get_one(Project, fleet.number).generation_id
        tx.get_one(Generation, found).created_at -= turns.PATIENCE
    assert fleet.settle() is taken


def test_newer_heads_take_a_turn_at_once_but_for_a_generation_that_does_not_answer_yet(fleet: Fleet) -> None:
    fleet.report("a", fleet.generation())
    assert fleet.settle()
    with fleet.database.transaction() as tx:
        question = QuestionRow(project_id=fleet.number, name="mood", spec={})
        tx.add(question)
        tx.flush()
        head = HeadRow(question_id=question.id, version="h", champion_id=1, content=b"")
        tx.add(head)
        tx.flush()
        number = head.id

    def revise(members: dict[str, int]) -> int:
        with fleet.database.transaction() as tx:
            project = tx.get_one(Project, fleet.number)
            generations.revise(tx, project, members)
            return project.turn

    assert [revise({"mood": number}), revise({"mood": number}), revise({}), revise({})] == [2, 3, 4, 4]
    second = fleet.generation()
    assert revise({"mood": number}) == 4
    fleet.report("a", second)
    assert fleet.settle()
    with fleet.database.session() as session:
        assert session.get_one(Project, fleet.number).turn == 5
