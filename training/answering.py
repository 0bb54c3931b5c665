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


def answerer(proposal: Proposal, base: Base) -> Answerer:
    """A function from examples to predictions, before any is hidden; `base` is what the proposal was tuned from."""
    question, kind = base.question, kind_of(base.question)

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        encodings, pad = base.read(examples), pad_token(base.tokenizer)
        if proposal.head is not None:
            features = layers.read(proposal.module, encodings, pad) or []
            return proposal.head.decode(question, examples, encodings, proposal.head.values(features, []))
        logits, labels = batches.forward(proposal.module, encodings, pad), proposal.outcome.problem.id2label
        return kind.decode(question, examples, encodings, logits, labels, proposal.calibration)

    return answer
