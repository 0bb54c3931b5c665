"""A base model that is too slow to serve, as a teacher: its best candidate answers texts that nobody has labelled.

The candidates are those of any round, measured on the same parts. What the best one says of texts is asked of each
part's model too, so that a smaller one can be measured without having heard of the labels that it is measured on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from labelwheel.training import batches
from labelwheel.training.errors import InvalidJob, OutOfMemory
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.model import pad_token
from labelwheel.training.strategies.finetuning_strategy import LEAST_TUNED
from labelwheel.training.strategies.lessons import Lesson, Taught
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.selection import Proposal, Selection

logger = logging.getLogger(__name__)

MOST, MOST_TOKENS = 1000, 40_000
"""So many texts are asked about, and so many tokens: each part's model of each candidate reads them once."""

LEAST = 50
"""With fewer texts without a label there is nothing to hear that the labels do not say."""

SHARE = 0.5
"""Of the time that is left; the rest is for the model that is served."""


def teach(given: Materials) -> Taught | None:
    """What the best candidate of a base model says; None where it cannot teach, and the notes say why."""
    problem, name = given.problem, given.base_model
    notes: list[str] = []
    asked = _asked(given)
    why = None
    if problem.kind.row is not Row.TEXT:
        why = "only questions about whole texts are"
    elif len(problem) < LEAST_TUNED or len(set(problem.strata)) < 2:
        why = f"{len(problem)} labels are too few"
    elif len(asked) < LEAST:
        why = f"there are {len(asked)} texts without a label, and it takes {LEAST}"
    if why is None:
        there = replace(given, champion=None, asked=asked, notes=notes)
        try:
            with given.budget.part(SHARE * given.budget.seconds):
                proposal = Selection(there).propose()
            return _heard(there, proposal)
        except (InvalidJob, OutOfMemory, TimeoutError) as error:
            why = str(error)
        finally:
            given.notes.extend(f"{name}: {note}" for note in notes)
    logger.warning("%s is not distilled: %s", name, why)
    given.notes.append(f"{name} is not distilled: {why}")
    return None


def _asked(given: Materials) -> Sequence[Encoding]:
    """One row for each text, the first of them: they come by chance."""
    if given.unlabelled is None or given.problem.kind.row is not Row.TEXT:
        return ()
    texts = given.unlabelled.encodings[:MOST]
    tokens = np.cumsum([len(text.input_ids) for text in texts])
    return texts[: int(np.searchsorted(tokens, MOST_TOKENS, side="right"))]


def _heard(given: Materials, proposal: Proposal) -> Taught:
    outcome, problem = proposal.outcome, given.problem
    assert given.unlabelled is not None
    if not outcome.lessons:
        raise InvalidJob(f"{proposal.strategy.name} does not say what its parts answer; it won among the candidates")
    heat = outcome.calibration.get(TEMPERATURE, 1.0)
    raw = np.stack(batches.forward(proposal.module, given.asked, pad_token(given.tokenizer)))
    # a part's model is a fold's: all of them are as sure of themselves as those that the temperature was found on
    parts = [Lesson(learn, measure, said / heat) for learn, measure, said in outcome.lessons]
    return Taught(
        base_model=given.base_model,
        strategy=proposal.strategy.name,
        score=outcome.trial.score,
        texts=given.unlabelled.examples[: len(given.asked)],
        said=(raw - problem.centre) / problem.scale / heat,
        labelled={index: outcome.logits[problem.places[index][0]] / heat for index in outcome.indices},
        parts=parts,
        trials=[each.model_copy(update={"name": f"{each.name} ({given.base_model})"}) for each in proposal.trials],
    )
