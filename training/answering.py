"""What answers for a challenger: the very module that will be written, and the head on it where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from labelwheel.training import batches, layers
from labelwheel.training.base_model import Base
from labelwheel.training.kinds import kind_of
from labelwheel.training.measurement import Answerer
from labelwheel.training.model import pad_token
from labelwheel.training.questions import Example, Prediction
from labelwheel.training.strategies.selection import Proposal


def answerer(proposal: Proposal, base: Base, hide_below: float) -> Answerer:
    """A function from examples to predictions as they are shown; `base` is what the proposal was tuned from."""
    question, kind = base.question, kind_of(base.question)

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        encodings, pad = base.read(examples), pad_token(base.tokenizer)
        if proposal.head is not None:
            features = layers.read(proposal.module, encodings, pad) or []
            found = proposal.head.decode(question, examples, encodings, proposal.head.values(features, []))
        else:
            logits, labels = batches.forward(proposal.module, encodings, pad), proposal.outcome.problem.id2label
            found = kind.decode(question, examples, encodings, logits, labels, proposal.calibration)
        return [kind.shown(one, hide_below) for one in found]

    return answer
