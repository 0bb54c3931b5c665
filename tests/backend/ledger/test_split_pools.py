"""The split for life across projects that share a question: no text is learnt here and measured there."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Decision, PlacedText
from labelwheel.backend.onboarding import sharing
from labelwheel.backend.projects import projects
from labelwheel.plugins.testing.fake_tool import TOPIC, Tool
from labelwheel.training.evaluation.splits import side, signature
from labelwheel.training.questions import Example, Kind, Question
from tests.backend.ledger.helpers import Ledger

BODY = Question(name="topic", kind=Kind.CHOICE, inputs=("body",), options=TOPIC.options)


@pytest.fixture
def ours(database: Database) -> Ledger:
    return Ledger(database, Tool(page_size=100), "1")


@pytest.fixture
def theirs(database: Database) -> Ledger:
    return Ledger(database, Tool(questions=(BODY,), field_name="body", page_size=100), "2")


def share(newcomer: Ledger, other: Ledger) -> None:
    with newcomer.database.session() as session:
        signed = sharing.sign(session, newcomer.id, other.id)
    with newcomer.database.transaction() as tx:
        project = projects.lock(tx, newcomer.id, other.id)
        sharing.share(tx, project, projects.get(tx, other.id), signed)


def texts(ours: str, theirs: str, count: int = 3) -> list[str]:
    """Texts that nothing is like, on those sides where each project goes by its own hash."""
    words = ("".join(chr(97 + (n * k * k + n) % 26) for k in range(12)) for n in range(1, 2000))
    found = (f"{word} {word[::-1]} {word[3:]}" for word in words)
    chosen = [
        text
        for text in found
        if (side(signature(text).key, salt="fake/1"), side(signature(text).key, salt="fake/2")) == (ours, theirs)
    ]
    assert len(chosen) >= count
    return chosen[:count]


def parts(ledger: Ledger) -> list[str]:
    return [ledger.examples[key].part for key in sorted(ledger.examples, key=int)]


def test_what_comes_later_goes_where_the_other_project_has_it(ours: Ledger, theirs: Ledger) -> None:
    known = texts("train", "held_out") + texts("held_out", "train")
    ours.tool.add(*known)
    ours.poll()
    share(theirs, ours)
    theirs.tool.add(*(f"{text.upper()}!" for text in known))
    theirs.poll()
    assert parts(theirs) == parts(ours) == ["train"] * 3 + ["held_out"] * 3
    assert [row.group for row in theirs.examples.values()] == [row.group for row in ours.examples.values()]
    new = texts("held_out", "train", 6)[3:]  # and the other way round, by the hash of the pool
    theirs.tool.add(*new)
    theirs.poll()
    ours.tool.add(*new)
    ours.poll()
    assert parts(theirs)[6:] == parts(ours)[6:] == ["held_out"] * 3


def test_what_was_on_both_sides_is_set_apart_in_both(ours: Ledger, theirs: Ledger) -> None:
    torn, alike = texts("train", "held_out"), texts("held_out", "held_out")
    for ledger, first in ((ours, "what one project begins with"), (theirs, "an opening of another kind")):
        ledger.tool.add(first, *torn, *alike)
        ledger.poll()
    assert parts(ours) != parts(theirs)
    share(theirs, ours)
    assert parts(ours) == parts(theirs) == ["train"] + ["apart"] * 3 + ["held_out"] * 3
    with ours.database.session() as session:
        reasons = list(session.scalars(select(Decision.reason).where(Decision.kind == "set apart")))
        places = list(session.scalars(select(PlacedText.project_id)))
    assert len(reasons) == 2
    assert all(reason.startswith("6 examples") for reason in reasons)
    assert set(places) == {ours.id}
    for ledger in (ours, theirs):  # also what comes later
        ledger.tool.add(torn[0].upper())
        ledger.poll()
        assert parts(ledger)[-1] == "apart"


def test_both_projects_take_in_the_same_texts_at_once(ours: Ledger, theirs: Ledger) -> None:
    share(theirs, ours)
    known = texts("train", "held_out", 12)
    for ledger, more in ((ours, ""), (theirs, "!")):
        ledger.tool.page_size = 1
        ledger.tool.add(*(text + more for text in known))
    threads = [threading.Thread(target=ledger.poll) for ledger in (ours, theirs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places = [[(row.group, row.part) for row in ledger.examples.values()] for ledger in (ours, theirs)]
    assert places[0] == places[1]
    assert len(places[0]) == 12


def test_sharing_once_more_moves_nothing(ours: Ledger, theirs: Ledger) -> None:
    for ledger in (ours, theirs):
        ledger.tool.add(*texts("train", "held_out"), *texts("train", "train"))
        ledger.poll()
    share(theirs, ours)
    before = [(row.group, row.part) for ledger in (ours, theirs) for row in ledger.examples.values()]
    share(theirs, ours)
    share(ours, theirs)
    assert [(row.group, row.part) for ledger in (ours, theirs) for row in ledger.examples.values()] == before


@pytest.mark.parametrize("late", [False, True])
def test_what_the_question_reads_decides_not_what_stands_beside_it(ours: Ledger, theirs: Ledger, late: bool) -> None:
    known = texts("train", "held_out")
    ours.tool.add(*known)
    ours.poll()
    if not late:
        share(theirs, ours)
    for number, text in enumerate(known, start=1):
        beside = "something else that is far longer than the text itself, so that nothing is alike " * 3
        fields = {"body": text, "aside": f"{number} {beside}{number**9}"}
        theirs.tool.examples[str(number)] = Example(key=str(number), fields=fields)
        theirs.tool.log.append(str(number))
    theirs.poll()
    if late:
        assert set(parts(theirs)) != {"apart"}
        share(theirs, ours)
    for mine, other in zip(parts(ours), parts(theirs), strict=True):
        assert (mine, other) in (("train", "train"), ("apart", "apart"))
    if not late:
        assert parts(ours) == ["train"] * 3


def test_projects_that_share_no_more_keep_one_split(ours: Ledger, theirs: Ledger) -> None:
    share(theirs, ours)
    theirs.tool.questions = ()
    theirs.configure()
    known = texts("train", "held_out")
    ours.tool.add(*known)
    ours.poll()
    theirs.tool.add(*known)
    theirs.poll()
    assert parts(theirs) == ["train"] * 3
