"""The whole loop on a real labelling tool: a simulated annotator labels SNIPS, rounds and swaps happen by themselves.

    python -m benchmarks.loop --data FOLDER                      # intents
    python -m benchmarks.loop --data FOLDER --questions intent slots
    python -m benchmarks.loop --data FOLDER --tool argilla       # in Argilla instead of Label Studio

Prints the share of accepted suggestions as it develops, every decision, and the accuracy of the served model on the 700
test texts, asked for through the running service. FOLDER holds `snips/train.jsonl` and `snips/test.jsonl`.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
from typing import Any

from rich.console import Console

from benchmarks.common import data_folder, jsonl, machine, save
from benchmarks.tools import POOLS, Pool
from demo.terminal import Watch, curve, pause
from testkit.labelwheel import LabelwheelServer

WINDOW = 20


def measure(wheel: LabelwheelServer, test: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy of the intent and strict micro F1 of the slots that the running service suggests for the test texts."""
    project = wheel.status()["projects"][0]["id"]
    examples = [{"key": str(number), "fields": {"text": row["text"]}} for number, row in enumerate(test)]
    answer = wheel.call("POST", f"/api/v1/projects/{project}/suggest", json={"examples": examples}, timeout=300)
    assert answer.ok, answer.text
    said = {each["key"]: each["predictions"] for each in answer.json()["suggestions"]}
    right = hits = predicted = gold = 0
    for number, row in enumerate(test):
        predictions = said[str(number)]
        right += predictions.get("intent", {}).get("answer") == row["label"]
        found = {tuple(sorted(span.items())) for span in predictions.get("slots", {}).get("answer") or []}
        wanted = {tuple(sorted(span.items())) for span in row["spans"]}
        hits, predicted, gold = hits + len(found & wanted), predicted + len(found), gold + len(wanted)
    return {
        "version": answer.json()["version"],
        "intent_accuracy": right / len(test),
        "slot_f1": 2 * hits / max(predicted + gold, 1),
    }


def settle(wheel: LabelwheelServer, watch: Watch, seconds: float) -> None:
    """Wait until no round runs or is due, and what is served is what was decided last."""
    quiet = 0
    deadline = time.monotonic() + seconds
    while quiet < 8 and time.monotonic() < deadline:
        pause(1, watch.tick)
        (project,) = wheel.status()["projects"]
        busy = any(each["round"] for each in project["questions"])
        settled = project["version"]["announced"] == project["version"]["current"]
        quiet = 0 if busy or not settled else quiet + 1


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """One seed from an empty labelling tool to the accuracy after the last label."""
    folder = data_folder(arguments.data, "snips")
    train, test = jsonl(folder / "train.jsonl"), jsonl(folder / "test.jsonl")
    pool = random.Random(arguments.seed).sample(train, arguments.pool)
    record: dict[str, Any] = {name: getattr(arguments, name) for name in ("tool", "seed", "questions", "sampling")}
    with contextlib.ExitStack() as stack:
        texts: Pool = POOLS[arguments.tool](stack, train, pool, arguments.questions, arguments.sampling)
        wheel = stack.enter_context(LabelwheelServer(environment={"LABELWHEEL_BLIND": "0"}))
        started = time.monotonic()
        texts.connect(wheel)
        record["connect_seconds"] = time.monotonic() - started
        if "intent" in arguments.questions:
            wheel.until(lambda: texts.suggested() == len(pool), 300, "suggestions for all tasks")
        record["tasks_with_suggestions_before_the_first_label"] = texts.suggested()
        record["before"] = measure(wheel, test)
        annotator = texts.annotator()
        watch = stack.enter_context(Watch(wheel.status, console))
        started = time.monotonic()
        while len(annotator.turns) < arguments.labels and annotator.turn():
            pause(arguments.pause, watch.tick)
            if len(annotator.turns) % WINDOW == 0:
                for question in arguments.questions:
                    share = annotator.accepted_share(question, WINDOW)
                    console.print(
                        f"{len(annotator.turns)} labels: {share:.0%} of the last {WINDOW} {question} accepted"
                    )
        record["labelling_seconds"] = time.monotonic() - started
        settle(wheel, watch, arguments.settle)
        record["after"] = measure(wheel, test)
        record["labels"] = len(annotator.turns)
        record["accepted"] = {
            question: [
                sum(turn.accepted[question] for turn in annotator.turns[start : start + WINDOW]) / WINDOW
                for start in range(0, len(annotator.turns) // WINDOW * WINDOW, WINDOW)
            ]
            for question in arguments.questions
        }
        (state,) = wheel.status()["projects"]
        record["decisions"] = state["decisions"]
        record["champions"] = {each["name"]: each["champion"] for each in state["questions"]}
    return record


def main() -> None:
    """Run the seeds, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets (default: LABELWHEEL_DATA)")
    parser.add_argument("--questions", nargs="+", choices=["intent", "slots"], default=["intent"])
    parser.add_argument("--tool", choices=sorted(POOLS), default="label-studio")
    parser.add_argument("--labels", type=int, default=140)
    parser.add_argument("--pool", type=int, default=400)
    parser.add_argument("--sampling", choices=["sequential", "uncertainty"], default="sequential")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two labels")
    parser.add_argument("--settle", type=float, default=240, help="seconds to wait for the rounds after the last label")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    arguments = parser.parse_args()
    console = Console()
    records = []
    for seed in arguments.seeds:
        records.append(run(argparse.Namespace(**{**vars(arguments), "seed": seed}), console))
        last = records[-1]
        console.print(
            f"seed {seed}: {last['tasks_with_suggestions_before_the_first_label']} of {arguments.pool} tasks had a "
            f"suggestion before the first label; intent accuracy {last['before']['intent_accuracy']:.3f} → "
            f"[bold]{last['after']['intent_accuracy']:.3f}[/], slot F1 {last['after']['slot_f1']:.3f} "
            f"after {last['labels']} labels",
            highlight=False,
        )
        for question, shares in last["accepted"].items():
            told = " ".join(f"{share:.0%}" for share in shares)
            console.print(f"  {question}: accepted by {WINDOW}s {told} {curve(shares)}", highlight=False)
    name = f"loop-{'-'.join(arguments.questions)}-{arguments.sampling}"
    if arguments.tool != "label-studio":
        name += f"-{arguments.tool}"
    console.print(f"kept in {save(name, {'machine': machine(), 'runs': records})}")


if __name__ == "__main__":
    main()
