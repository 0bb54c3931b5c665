"""What the order brought, from the half of it that goes by lot."""

from __future__ import annotations

import pytest

from labelwheel.backend.database.tables import ExampleRow, Label, Project, now
from labelwheel.backend.ledger.lots import lot
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import order_gain, remembered
from labelwheel.backend.views.shares_body import Order
from tests.backend.stage import Stage

EXAMPLES = 600


@pytest.fixture
def stage(tmp_path):
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood")
    with stage.database.transaction() as tx:
        for number in range(EXAMPLES):
            tx.add(
                ExampleRow(
                    project_id=stage.project, key=str(number), fields={"text": "x"}, digest="", group="", part="train"
                )
            )  # fmt: skip
    yield stage
    stage.database.dispose()


def label(stage, answers):
    """Each is the key of an example, and what became of its suggestion; in the order in which people labelled."""
    with stage.database.transaction() as tx:
        for number, (key, origin) in enumerate(answers, start=1):
            tx.add(
                Label(
                    project_id=stage.project, question="mood", example_key=key, work_key=key, annotator="a",
                    answer="good", origin=origin, made_at=now(), event_id=number,
                )
            )  # fmt: skip


def gain(stage, order="mixed"):
    with stage.database.session() as session:
        found = order_gain.gain(session, session.get(Project, stage.project), order)
    Order.model_validate(found)
    return found


def in_turns(count, by_lot, sought):
    """As people label who go by the order: `by_lot(n)` and `sought(n)` say what became of each half's n-th."""
    keys = sorted(map(str, range(EXAMPLES)), key=lot)
    others = sorted(keys[200:], key=int)  # whatever they are sought by
    return [each for n in range(count) for each in ((others[n], sought(n)), (keys[n], by_lot(n)))]


def test_each_half_is_told_from_the_other_and_the_difference_is_the_gain(stage):
    label(
        stage, in_turns(40, lambda n: "changed" if n % 4 == 0 else "accepted", lambda n: ("changed", "accepted")[n % 2])
    )
    found = gain(stage)
    assert [found["by_lot"][key] for key in ("answered", "accepted", "rate")] == [40, 30, 0.75]
    assert [found["sought"][key] for key in ("answered", "accepted", "rate")] == [40, 20, 0.5]
    assert (found["by_lot"]["low"], found["by_lot"]["high"]) == (0.5981, 0.8581)  # Wilson's, computed by hand
    assert found["corrections"]["more"] == 12.5
    assert 0 < found["corrections"]["low"] < 12.5 < found["corrections"]["high"] < 25
    assert found["reason"] is None


def test_what_had_no_suggestion_is_not_counted(stage):
    label(stage, in_turns(40, lambda n: "made", lambda n: None))
    assert (gain(stage)["by_lot"]["answered"], gain(stage)["by_lot"]["rate"]) == (0, None)


@pytest.mark.parametrize(
    ("answers", "order", "reason"),
    [
        ([], "mixed", "too little yet"),
        (in_turns(20, lambda n: "accepted", lambda n: "accepted"), "mixed", "too little yet"),
        (in_turns(40, lambda n: "accepted", lambda n: "accepted"), "random", "only the order `mixed`"),
        ([(str(number), "accepted") for number in range(200)], "mixed", "another order"),
        ([(str(number), "accepted") for number in range(450)], "mixed", "takes 200 examples"),
    ],
)
def test_where_nothing_can_be_said_it_says_so(stage, answers, order, reason):
    label(stage, answers)
    found = gain(stage, order)
    assert found["corrections"] is None
    assert reason in found["reason"]


def test_it_is_counted_anew_for_new_labels_alone_and_not_at_once(stage, monkeypatch):
    counted = []
    real = order_gain._count
    monkeypatch.setattr(order_gain, "_count", lambda *given: counted.append(1) or real(*given))
    gain(stage)
    gain(stage)
    assert len(counted) == 1
    label(stage, [("1", "accepted")])
    gain(stage)
    assert len(counted) == 1, "not at once"
    monkeypatch.setattr(remembered, "SECONDS", 0.0)
    gain(stage)
    gain(stage)
    assert len(counted) == 2
