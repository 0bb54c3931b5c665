"""One run of setfit, inside its environment: a JSON object from standard input, another as the last line of output."""

import json
import os
import sys

import numpy as np
import torch
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

PAIRS, BATCH, RATE, MOST_STEPS = 20, 16, 2e-5, 500


def main() -> None:
    given = json.load(sys.stdin)
    torch.set_num_threads(1)
    several = given["several"]
    steps = -(-2 * PAIRS * len(given["texts"]) // BATCH)  # of one epoch
    model = SetFitModel.from_pretrained(given["model"], multi_target_strategy="one-vs-rest" if several else None)
    arguments = TrainingArguments(
        batch_size=BATCH, num_epochs=1, num_iterations=PAIRS, body_learning_rate=RATE, max_steps=min(steps, MOST_STEPS),
        seed=given["seed"], report_to="none", save_strategy="no", output_dir="setfit", show_progress_bar=False,
    )  # fmt: skip
    before = sum(os.times()[:2])
    rows = Dataset.from_dict({"text": given["texts"], "label": given["answers"]})
    Trainer(model=model, args=arguments, train_dataset=rows).train()
    spent = sum(os.times()[:2]) - before
    likely = model.predict_proba(given["asked"], as_numpy=True)
    print(json.dumps({"logits": _logits(given, model, likely).tolist(), "cpu_seconds": spent}))


def _logits(given, model, likely):
    likely = np.clip(likely, 1e-6, 1 - 1e-6)
    if given["several"]:
        return np.log(likely) - np.log1p(-likely)
    found = np.full((len(likely), given["classes"]), np.log(1e-6))
    found[:, model.model_head.classes_] = np.log(likely)
    return found


if __name__ == "__main__":
    main()
