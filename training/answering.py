"""What answers for a challenger: the very module that will be written, and the head on it where there is one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from labelwheel.training import batches, elsewhere, layers
from labelwheel.training.base_model import Base
from labelwheel.training.elsewhere import Written
from labelwheel.training.kinds import kind_of
from labelwheel.training.measurement import Answerer
from labelwheel.training.model import TRIES, last_layer, pad_token
from labelwheel.training.questions import Example, Prediction
from labelwheel.training.strategies.selection import Proposal


def answerer(proposal: Proposal, base: Base) -> Answerer:
    """A function from examples to predictions, before any is hidden; `base` is what the proposal was tuned from."""
    question, kind = base.question, kind_of(base.question)
    if proposal.foreign is not None:
        return _foreign(proposal.foreign, replace(proposal, foreign=None), base)

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        encodings, pad = base.read(examples), pad_token(base.tokenizer)
        if proposal.head is not None:
            features = layers.read(proposal.module, encodings, pad) or []
            values = proposal.head.values(features, last_layer(proposal.module, features))
            return proposal.head.decode(question, examples, encodings, values)
        logits, labels = batches.forward(proposal.module, encodings, pad), proposal.outcome.problem.id2label
        return kind.decode(question, examples, encodings, logits, labels, proposal.calibration)

    return answer


def _foreign(written: Written, beside: Proposal, base: Base) -> Answerer:
    """As it is served: where it does not answer, what lies beside it does."""
    own = answerer(beside, base)

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        with tempfile.TemporaryDirectory(prefix="labelwheel-foreign-", ignore_cleanup_errors=True) as folder:
            (Path(folder) / written.entry.content).write_bytes(written.content)
            place, device = Path(folder), str(base.module.device)
            model = elsewhere.answers(written.entry, "the challenger", base.question, place, tries=TRIES, device=device)
            try:
                found = model.predict(base.question, examples)
            finally:
                model.close()
        left = iter(own([example for example, one in zip(examples, found, strict=True) if one is None]))
        return [next(left) if one is None else one for one in found]

    return answer
