"""A suggestion is shown where it costs people no more than none does."""

from __future__ import annotations

import pytest

from labelwheel.training.kinds import kind_of, kinds
from labelwheel.training.kinds.base import Costs
from labelwheel.training.questions import Prediction


def test_only_spans_are_hidden_by_what_clicks_cost() -> None:
    assert {kind.name: kind.shown_from() for kind in kinds() if kind.shown_from()} == {"spans": 0.5}


@pytest.mark.parametrize("costs", [Costs(2, 2), Costs(1, 2), Costs(3, 2, 1), Costs(5, 1)])
def test_at_the_least_score_showing_costs_as_much_as_hiding(costs: Costs) -> None:
    for name, right_or_not in (("spans", 1.0), ("choice", 0.0)):
        least = kind_of(name).shown_from(costs)
        showing = least * costs.accepted + (1 - least) * costs.wrong
        hiding = costs.missing * (least if right_or_not else 1.0)
        assert showing == pytest.approx(hiding) or (least == 0.0 and showing < hiding)


def test_costs_that_speak_for_everything_or_nothing() -> None:
    assert kind_of("spans").shown_from(Costs(0, 0)) == 0.0
    assert kind_of("choice").shown_from(Costs(0, 0)) == 0.0
    assert kind_of("spans").shown_from(Costs(1, 0)) == 1.0
    assert kind_of("choice").shown_from(Costs(1, 0)) == 1.0


def test_a_whole_answer_is_hidden_below_its_score() -> None:
    weak = Prediction(answer="a", score=0.3)
    assert kind_of("choice").shown(weak, 0.3) == weak
    assert kind_of("choice").shown(weak, 0.31) == Prediction()
