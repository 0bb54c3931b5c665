"""One count of what can train and decide, for the policy, for people's orders and for the tool's button."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, ExampleRow, QuestionRow
from labelwheel.backend.errors import Conflict
from labelwheel.backend.rounds import label_counts, scheduling
from labelwheel.backend.rounds.evidence import gather
from labelwheel.backend.rounds.policy import judge
from labelwheel.plugins.testing.fake_tool import TOPIC
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import Part
from tests.backend.counting import counted
from tests.backend.fake_jobs import finish
from tests.backend.world import World

OPTIONAL = Question(
    name="aside", kind=Kind.CHOICE, inputs=("absent",), options=(Option(value="yes"), Option(value="no"))
)


@pytest.fixture
def ready(world: World) -> World:
    world.tool.questions = (TOPIC, OPTIONAL)
    world.tool.page_size = 50
    world.connect()
    world.settle()
    world.launcher.automatic = None
    return world


def texts(count: int, start: int = 0) -> list[str]:
    """Texts that nothing is like."""
    return [" ".join(f"{(n * 7919 + k) ** 5:x}"[-7:] for k in range(6)) for n in range(start, start + count)]


def place(world: World, part: Part, *keys: str) -> None:
    """Puts examples on a side, as chance might have."""
    with world.database.transaction() as tx:
        for row in tx.scalars(select(ExampleRow).where(ExampleRow.key.in_(keys))):
            row.part = part
            row.group = f"own-{row.key}"


def submit(
    world: World, keys: list[str], name: str = "topic", answers: tuple[str, ...] = ("sport", "politics")
) -> None:
    for number, key in enumerate(keys):
        world.tool.submit(key, {name: answers[number % len(answers)]})
    world.turns(2)


def reason(world: World, name: str = "topic") -> str:
    with world.database.session() as session:
        return judge(gather(session, world.question(name), world.settings), world.settings).reason


def test_labels_that_are_held_out_start_no_round(ready: World) -> None:
    keys = ready.tool.add(*texts(6))
    ready.turns(3)
    place(ready, Part.HELD_OUT, *keys)
    submit(ready, keys)
    ready.turns(3)
    assert [found.trigger for found in ready.rounds] == ["connect", "connect"]
    assert reason(ready) == "0 of 4 new labels"
    with pytest.raises(Conflict, match="6 held out to measure by"):
        ready.order()
    with ready.database.session() as session:
        entry = next(iter(label_counts.take(session, *_of(session, ready)).entries.values()))
    assert entry.counted.part == Part.HELD_OUT
    answer = scheduling.asked(ready.database, ready.settings, 1)["topic"]
    assert answer == "no round: 0 of 4 new labels"


def _of(session: Session, world: World) -> tuple[QuestionRow, list[QuestionRow], CheckpointRow | None]:
    row = session.scalars(select(QuestionRow).where(QuestionRow.name == "topic")).one()
    champion = session.get(CheckpointRow, row.champion_id) if row.champion_id else None
    return row, [row], champion


def test_answers_about_a_field_that_is_absent_start_no_round(ready: World) -> None:
    keys = ready.tool.add(*texts(8))
    submit(ready, keys, "aside", ("yes", "no"))
    ready.turns(5)
    assert [found.trigger for found in ready.rounds] == ["connect", "connect"]
    assert reason(ready, "aside") == "0 of 4 new labels"
    with pytest.raises(Conflict, match="8 without the text it reads"):
        ready.order("aside")


def test_no_round_starts_that_nothing_could_decide(ready: World) -> None:
    """Today: "4 independent examples cannot decide, 10 are needed", after two minutes of training."""
    keys = ready.tool.add(*texts(30))
    ready.turns(3)
    place(ready, Part.TRAIN, *keys)
    submit(ready, keys[:6])
    ready.turns(3)
    assert reason(ready) == "'topic' has 6 independent examples to decide by; it takes 10: label 4 more"
    assert ready.kinds().count("skipped") == 1
    with pytest.raises(Conflict, match="label 4 more"):
        ready.order()
    assert scheduling.asked(ready.database, ready.settings, 1)["topic"].endswith("label 4 more")
    submit(ready, keys[6:10])
    ready.until(lambda: ready.rounds[-1].state == "running" and ready.rounds[-1].handle)
    finish(ready.launcher.last)
    ready.until(lambda: ready.rounds[-1].state == "promoted")
    # the champion has learnt from all of them: nothing is left to measure the next one by
    with pytest.raises(Conflict, match="0 independent example"):
        ready.order()


def test_a_project_of_few_different_texts_still_starts(ready: World) -> None:
    keys = ready.tool.add(*(["good"] * 6 + ["bad news"] * 6 + ["never mind that"] * 6))
    submit(ready, keys)
    ready.until(lambda: ready.rounds[-1].trigger == "labels")


def test_what_is_counted_step_by_step_is_what_is_counted_anew(ready: World) -> None:
    keys = ready.tool.add(*texts(20))
    submit(ready, keys[:8])
    ready.tool.delete(f"{keys[0]}/ann")
    ready.tool.log.append(keys[0])
    ready.tool.edit(keys[1], "another text altogether, that nobody has seen")
    ready.tool.submit(keys[2], {"topic": "politics"})
    ready.tool.submit(keys[3], {"topic": "sport"}, annotator="ben")
    submit(ready, keys[8:12])
    ready.turns(3)
    with ready.database.session() as session:
        kept = label_counts.take(session, *_of(session, ready))
        before = dict(kept.entries), kept.sufficiency, kept.varied
        kept.basis = None
        anew = label_counts.take(session, *_of(session, ready))
    assert (anew.entries, anew.sufficiency, anew.varied) == before
    assert len(anew.entries) == 11


def test_considering_reads_the_same_however_many_labels_there_are(ready: World) -> None:
    def consider() -> tuple[int, int]:
        with counted() as found:
            scheduling.Scheduler(ready.hold, ready.settings, 1).step()
        return len(found.statements), found.rows

    read = []
    for _ in range(3):
        keys = ready.tool.add(*texts(100, len(ready.tool.examples)))
        submit(ready, keys, answers=("sport",))  # all alike: no round is ever due
        ready.turns(8)
        idle = consider()
        submit(ready, ready.tool.add(*texts(1, len(ready.tool.examples))), answers=("sport",))
        read.append((idle, consider()))
    assert max(read) == min(read)
    assert all(rows < 50 for step in read for _, rows in step)
