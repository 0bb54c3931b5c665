"""Champion groups of three projects: who is the home, who is told, and who goes on when one leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import QuestionRow, Round
from labelwheel.backend.onboarding import sharing
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.plugins.testing.fake_tool import TOPIC, Tool
from labelwheel.training.questions import Kind, Option, Question
from tests.backend.ledger.helpers import Ledger

Three = tuple[Ledger, Ledger, Ledger]


@pytest.fixture
def three(database: Database) -> Three:
    """The third shares with the second, which shares with the first."""
    found = tuple(Ledger(database, Tool(questions=(TOPIC,)), name) for name in "123")
    for newcomer, other in ((found[1], found[0]), (found[2], found[1])):
        with database.transaction() as tx:
            project = projects.lock(tx, newcomer.id, other.id)
            sharing.share(tx, project, projects.get(tx, other.id), {})
    return found[0], found[1], found[2]


def homes(three: Three) -> list[int | None]:
    """For each project the one that owns its question's champion."""
    with three[0].database.session() as session:
        rows = [session.query(QuestionRow).filter_by(project_id=each.id).one() for each in three]
        return [champion_groups.home(session, row).project_id for row in rows]


def change(ledger: Ledger) -> None:
    options = (*TOPIC.options, Option(value="weather"))
    ledger.tool.questions = (Question(name="topic", kind=Kind.CHOICE, inputs=("text",), options=options),)


def remove(ledger: Ledger) -> None:
    ledger.tool.questions = ()


def move(ledger: Ledger) -> None:
    ledger.tool.questions = (Question(name="topic", kind=Kind.CHOICE, inputs=("body",), options=TOPIC.options),)


def test_whoever_joins_gets_the_same_home_and_one_pool(three: Three) -> None:
    first = three[0]
    assert homes(three) == [first.id] * 3
    assert {projects.pool(each.project) for each in three} == {first.id}
    with first.database.transaction() as tx:
        assert projects.lock(tx, three[2].id).id == three[2].id
        row = projects.question(tx, three[2].id, "topic")
        assert [other.id for other, _ in champion_groups.others(tx, row)] == [first.id, three[1].id]


@pytest.mark.parametrize("leave", [change, remove, move])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_others_go_on_together_when_one_leaves(three: Three, number: int, leave: Callable[[Ledger], None]) -> None:
    leave(three[number])
    three[number].configure()
    left = [ledger.id for place, ledger in enumerate(three) if place != number]
    wanted = [left[0]] * 3
    wanted[number] = three[number].id
    assert homes(three) == wanted


def test_what_is_only_worded_or_ordered_otherwise_stays_shared(three: Three) -> None:
    question = Question(
        name="topic", kind=Kind.CHOICE, inputs=("text",), options=TOPIC.options[::-1], prompt="What is it about?"
    )
    three[1].tool.questions = (question,)
    three[1].configure()
    assert homes(three) == [three[0].id] * 3


def test_without_a_champion_each_challenger_is_another_look_at_no_suggestion(three: Three) -> None:
    """A first challenger that is only lucky would come through at last, if each began at the whole level."""
    with three[0].database.transaction() as tx:
        row = projects.question(tx, three[0].id, "topic")
        looks = []
        for number in range(3):
            looks.append(champion_groups.next_look(tx, row, None))
            tx.add(
                Round(
                    project_id=three[0].id, question_id=row.id, trigger="labels", recipe="auto", state="rejected",
                    version=f"r{number}", look=looks[-1],
                )
            )  # fmt: skip
            tx.flush()
    assert looks == [1, 2, 3]
