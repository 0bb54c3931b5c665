"""What to try next follows from what was tried, whoever asks and after whichever kill; what is behind is given up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labelwheel.backend.settings import Settings
from labelwheel.backend.tuning import optimizer
from labelwheel.backend.tuning.fidelities import LAST, REDUCTION, RUNGS
from labelwheel.backend.tuning.optimizer import Seen
from labelwheel.backend.tuning.space import BASE_MODEL, DEPTH, POOLING, STRATEGY, Space
from labelwheel.training.questions import Kind, Question
from labelwheel.training.spec import Tuned
from tests.backend.fake_trials import CONTRAST, REGRESSION
from tests.training.models import choice

SPACE = Space(strategies=(REGRESSION, CONTRAST))
STEPS = f"{CONTRAST}: steps"


def value(params: dict[str, object]) -> float:
    return 0.5 - (0.1 * min(float(str(params.get(STEPS, 0))), 2.0) if params[STRATEGY] == CONTRAST else 0)


def grown(count: int) -> list[Seen]:
    """A search of which every trial is measured on all labels."""
    seen: list[Seen] = []
    for _ in range(count):
        params = optimizer.propose(SPACE, seen, "s", 1)
        seen.append(Seen(params, "complete", {LAST: value(params)}, {}))
    return seen


def test_it_finds_what_is_good_and_says_what_matters() -> None:
    seen = grown(40)
    late = [each for each in seen[-15:] if each.params[STRATEGY] == CONTRAST]
    assert len(late) > 10
    assert sum(each.params[STEPS] > 1.5 for each in late) > 8
    told = optimizer.importances(SPACE, seen, "s")
    assert set(told) == set().union(*(each.params for each in seen))
    assert sum(told.values()) == pytest.approx(1, abs=0.01)
    assert max(told, key=told.__getitem__) in (STEPS, STRATEGY)
    assert optimizer.importances(SPACE, seen[:2], "s") == {}


def test_a_worker_that_comes_up_proposes_what_the_killed_one_would_have() -> None:
    seen = grown(12)
    assert optimizer.propose(SPACE, seen, "s", 1) == optimizer.propose(SPACE, list(seen), "s", 1)
    assert optimizer.propose(SPACE, seen, "s", 1) != optimizer.propose(SPACE, seen, "s", 2)


def test_the_first_trials_are_not_far_from_what_is_usual() -> None:
    usual = [
        Seen(SPACE.usual(each), "complete", {LAST: loss}, {}) for each, loss in ((REGRESSION, 0.4), (CONTRAST, 0.3))
    ]
    for seed in range(20):
        params = optimizer.propose(SPACE, usual, "s", seed)
        knobs = {name: params[name] for name in SPACE.of_strategy(str(params[STRATEGY]))}
        assert set(params) == {*SPACE.common(), *knobs}
        turned = [float(str(each)) for name, each in knobs.items() if "names" not in name]
        assert all(1 / 4 < each < 4 for each in turned)
    chosen = [optimizer.propose(SPACE, usual, "s", seed) for seed in range(60)]
    assert 30 < sum(each[STRATEGY] == CONTRAST for each in chosen) < 55, "mostly the best, now and then the second"
    assert 40 < sum(each[DEPTH] == 1.0 for each in chosen) < 60
    far = [optimizer.propose(SPACE, usual + grown(optimizer.NEAR), "s", seed) for seed in range(60)]
    steps = [float(str(each[STEPS])) for each in far if STEPS in each]
    assert max(steps) > 2.0, "what was learnt leads elsewhere"


def test_trials_under_way_are_not_proposed_again() -> None:
    seen = grown(20)
    together = []
    for _ in range(4):
        together.append(
            optimizer.propose(SPACE, [*seen, *(Seen(each, "running", {}, {}) for each in together)], "s", 1)
        )
    assert len({str(sorted(each.items())) for each in together}) == 4


def test_what_is_behind_at_its_rung_is_given_up_and_what_leads_is_not() -> None:
    seen: list[Seen] = []
    over = []
    for number in range(24):
        params = SPACE.usual(CONTRAST)
        found = Seen(params, "running", {0: number / 100}, {})
        pruning = optimizer.prunes(SPACE, [*seen, found], number, "s")
        over.append(pruning.over)
        seen.append(found._replace(notes=pruning.notes, state="pruned" if pruning.over else "waiting"))
    assert not over[0], "the best so far goes on"
    assert sum(over) >= len(over) // REDUCTION, "each is worse than all before it"
    best = Seen(SPACE.usual(CONTRAST), "running", {0: -1.0}, {})
    assert not optimizer.prunes(SPACE, [*seen, best], len(seen), "s").over


def test_trials_whose_settings_are_none_any_more_say_nothing() -> None:
    strange = [
        Seen({STRATEGY: "one of before"}, "complete", {LAST: 0.0}, {}),
        Seen({STRATEGY: CONTRAST, STEPS: 99.0}, "complete", {LAST: 0.0}, {}),
        Seen({STRATEGY: CONTRAST, f"{CONTRAST}: gone": 1.0}, "pruned", {0: 0.1}, {}),
        Seen({}, "failed", {}, {}),
    ]
    params = optimizer.propose(SPACE, strange, "s", 1)
    assert params[STRATEGY] in SPACE.strategies
    assert len(optimizer._study(SPACE, strange, "s", 1).trials) == len(strange), "places stay as they are"


def test_the_rungs_cost_more_each() -> None:
    resources = [each.resource for each in RUNGS]
    assert resources == [REDUCTION**rung for rung in range(len(RUNGS))]
    shares = [(each.fidelity.labels, each.fidelity.depth, each.fidelity.effort) for each in RUNGS]
    assert shares == sorted(shares)
    assert shares[-1] == (1.0, 1.0, 1.0)


def test_the_space_is_what_strategies_say_and_the_operator_lists(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, tune_base_models="small/model, other/model,small/model, ")
    space = Space.of(settings, choice(), [REGRESSION, CONTRAST])
    assert space.base_models == (None, "small/model", "other/model")
    assert set(space.common()) == {STRATEGY, BASE_MODEL, DEPTH, POOLING}
    assert set(space.of_strategy(REGRESSION)) == {f"{REGRESSION}: penalty", f"{REGRESSION}: say of the names"}
    usual = space.usual(CONTRAST)
    assert space.settings(usual) == Tuned(strategy=CONTRAST)
    other = space.settings(usual | {BASE_MODEL: "small/model", DEPTH: 0.5, POOLING: "first", STEPS: 2.0})
    assert other == Tuned(strategy=CONTRAST, base_model="small/model", depth=0.5, pooling="first", knobs={"steps": 2.0})
    spans = Question(name="s", kind=Kind.SPANS, inputs=("text",), options=choice().options)
    assert POOLING not in Space.of(settings, spans, [REGRESSION]).common()
    alone = Space.of(Settings(home=tmp_path), spans, [REGRESSION])
    assert set(alone.common()) == {DEPTH}
    assert alone.settings({DEPTH: 1.0}).strategy == REGRESSION


def test_the_web_process_knows_nothing_of_optuna() -> None:
    code = "import sys, labelwheel.backend.app, labelwheel.backend.worker.main\nsys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=300).returncode == 0
