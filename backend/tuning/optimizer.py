"""Which settings to try next, and which to give up, by what earlier trials have shown. The only file that knows Optuna.

A study lives as long as one question to it: it is made of the rows of the search, which are all that is kept. Optuna's
own storage would bring tables and an `alembic_version` of its own, which in SQLite is ours; it would write past the
lease, so that a worker that was replaced could still do so; and its trials would outlive a project that is removed.
Some hundred trials are read into a study in milliseconds.

Tree-structured Parzen estimators in all dimensions together, which take trials that are under way for bad ones;
Hyperband gives up what is behind at its rung (Falkner et al. 2018 put both together).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from labelwheel.backend.tuning.fidelities import LAST, REDUCTION, RUNGS
from labelwheel.backend.tuning.space import STRATEGY, Choice, Range, Space

if TYPE_CHECKING:
    import optuna

NEAR = 6
"""So many trials are drawn around what is usual for the strategies that do best as they are, before anything is learnt
from them: few settings far from the usual are any good, and a search is mostly short."""

_SPREAD, _OTHERWISE = 0.45, 0.15

LEAST_COMPLETE = 4
"""Of fewer trials no importance is told."""


class Seen(NamedTuple):
    """A trial so far: `values` by rung, the less the better; `state` is as rows have it; `notes` are the pruner's."""

    params: Mapping[str, Any]
    state: str
    values: Mapping[int, float]
    notes: Mapping[str, Any]


class Pruning(NamedTuple):
    """Whether a trial is given up, and what the pruner remembers of it."""

    over: bool
    notes: dict[str, Any]


def propose(space: Space, seen: Sequence[Seen], name: str, seed: int) -> dict[str, Any]:
    """The parameters of the next trial."""
    usual = [each for each in seen if each.values and each.params == space.usual(_strategy(space, each.params))]
    if usual and len(seen) - len(usual) < NEAR:
        return _near(space, usual, np.random.default_rng(seed + len(seen)))
    study = _study(space, seen, name, seed + len(seen))
    trial = study.ask()
    params = {each: _suggest(trial, each, wanted) for each, wanted in space.common().items()}
    strategy = _strategy(space, params)
    return params | {each: _suggest(trial, each, wanted) for each, wanted in space.of_strategy(strategy).items()}


def _strategy(space: Space, params: Mapping[str, Any]) -> str:
    return str(params.get(STRATEGY, space.strategies[0]))


def _near(space: Space, usual: Sequence[Seen], chance: np.random.Generator) -> dict[str, Any]:
    """Not far from the best strategy as it is, or now and then from the second best."""
    ranked = sorted(usual, key=lambda each: each.values[max(each.values)])
    strategy = _strategy(space, ranked[min(len(ranked) - 1, int(chance.random() < 1 / 3))].params)
    params = space.usual(strategy)
    for name, wanted in {**space.common(), **space.of_strategy(strategy)}.items():
        if isinstance(wanted, Choice):
            if name != STRATEGY and chance.random() < _OTHERWISE:
                params[name] = wanted.values[int(chance.integers(len(wanted.values)))]
        else:
            moved = math.exp(chance.normal(0.0, _SPREAD)) if wanted.log else chance.normal(1.0, _SPREAD)
            params[name] = float(min(max(moved, wanted.low), wanted.high))
    return params


def prunes(space: Space, seen: Sequence[Seen], place: int, name: str) -> Pruning:
    """Whether the trial at a place, which is running, is behind the others at its last rung."""
    study = _study(space, seen, name, 0)
    over = study.pruner.prune(study, study.trials[place])
    return Pruning(over, dict(study.trials[place].system_attrs))


def importances(space: Space, seen: Sequence[Seen], name: str) -> dict[str, float]:
    """By parameter, how much it matters for a trial to be among the best (PED-ANOVA); they add up to 1."""
    import optuna

    study = _study(space, seen, name, 0)
    if len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))) < LEAST_COMPLETE:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are few of them, which people see themselves
        found = optuna.importance.get_param_importances(study)
    return {each: round(float(share), 4) for each, share in found.items()}


def _study(space: Space, seen: Sequence[Seen], name: str, seed: int) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # that knobs are of one strategy alone
        sampler = optuna.samplers.TPESampler(
            multivariate=True, group=True, constant_liar=True, n_startup_trials=1, seed=seed
        )
    pruner = optuna.pruners.HyperbandPruner(RUNGS[0].resource, RUNGS[LAST].resource, REDUCTION)
    study = optuna.create_study(study_name=name, sampler=sampler, pruner=pruner)
    for each in seen:
        study.add_trial(_frozen(space, each))
    return study


def _frozen(space: Space, seen: Seen) -> optuna.trial.FrozenTrial:
    import optuna

    states = optuna.trial.TrialState
    state = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}.get(
        seen.state, states.RUNNING
    )
    ranges = {name: space.range_of(name) for name in seen.params}
    steps = {RUNGS[int(rung)].resource: value for rung, value in seen.values.items()}
    last = seen.values[max(seen.values)] if seen.values and state in (states.COMPLETE, states.PRUNED) else None
    try:
        return optuna.trial.create_trial(
            state=state, value=last, params=dict(seen.params), system_attrs=dict(seen.notes), intermediate_values=steps,
            distributions={name: _distribution(each) for name, each in ranges.items() if each is not None},
        )  # fmt: skip
    except ValueError:  # its settings are none any more, as after an upgrade: it counts, and says nothing
        return optuna.trial.create_trial(state=states.FAIL)


def _suggest(trial: optuna.Trial, name: str, wanted: Range) -> Any:
    if isinstance(wanted, Choice):
        return trial.suggest_categorical(name, wanted.values)
    return trial.suggest_float(name, wanted.low, wanted.high, log=wanted.log)


def _distribution(wanted: Range) -> optuna.distributions.BaseDistribution:
    import optuna

    if isinstance(wanted, Choice):
        return optuna.distributions.CategoricalDistribution(wanted.values)
    return optuna.distributions.FloatDistribution(wanted.low, wanted.high, log=wanted.log)
