"""How span models are trained: what fine-tuning needs here that differs from classifying whole texts.

Measured with MiniLM on SNIPS' slots (39 labels, strict micro F1 on the 700 test texts, one seed):

| training texts | regression on the frozen encoder | fine-tuned, 20 (100) or 15 (300) epochs at 3e-4 |
| --- | --- | --- |
| 100 | .457 | .604 |
| 300 | | .797 |

With 100 texts, 40 epochs reach .621; rates of 5e-4 and 1e-3 .594 and .560. A head that starts from a regression held
back strongly (C = 0.01) ends where a fresh one does (.601), one from a regression that fits the training tokens (C = 1)
leaves the encoder nothing to learn from and ends at .521. Replacing spans by others of their label (Dai and Adel 2020)
gave .610, label smoothing .605: both within noise, so neither is done.

Epochs have to be chosen by the score, not by the tokens' log loss: with 100 texts, on 200 test texts, the loss is least
after epoch 4 (1.19, F1 .531) and the score goes on rising to the end (1.26, F1 .580). And with few texts they have to
be gone through to the end: a whole job on 100 texts (83 to learn from, a fifth of them to choose on) that stopped after
four epochs without a better score chose epoch 5 (.48 on that fifth, .506 on test); without stopping it chose 16 (.52).
"""

from __future__ import annotations

from labelwheel.training.kinds.schedules import Schedule

RATE = 3e-4
"""The encoder's learning rate: for whole texts a tenth is usual, but here each token is a label and steps are few."""

PENALTY = 3e-4
"""How a regression is held back that a head starts from: mean loss + PENALTY / 2 · |W|², features of length 1."""

PATIENCE = 4
"""After so many epochs without a better score it stops, where the validation part is large enough to tell."""

FEW = 400
"""Up to so many texts it goes on to the end of the schedule: on a fifth of them a score is mostly chance."""

_EPOCHS = ((150, 20), (400, 15), (1500, 8), (6000, 5))
_FEWEST = 3


def schedule(examples: int) -> Schedule:
    """The schedule for so many training texts: a similar number of steps for few and for many."""
    epochs = next((epochs for limit, epochs in _EPOCHS if examples <= limit), _FEWEST)
    patience = epochs if examples <= FEW else PATIENCE
    return Schedule(epochs=epochs, patience=patience, rate=RATE, by_score=True, start_penalty=PENALTY)
