"""The whole loop on a real Label Studio: a simulated annotator labels SNIPS, rounds and swaps happen by themselves.

    python -m benchmarks.loop --data FOLDER                      # intents
    python -m benchmarks.loop --data FOLDER --questions intent slots

Prints the share of accepted suggestions as it develops, every decision, and the accuracy of the served model on the 700
test texts, asked for through the running service. FOLDER holds `snips/train.jsonl` and `snips/test.jsonl`.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from benchmarks.common import data_folder, jsonl, machine, save
from demo.stack.annotator import Annotator, Region, choice_region, span_region
from demo.stack.label_studio import LabelStudioServer
from demo.stack.labelwheel import LabelwheelServer
from demo.terminal import Watch, curve, pause

WINDOW = 20


def label_config(rows: list[dict[str, Any]], questions: list[str]) -> str:
    """The questions of SNIPS as a label config: intents as a choice, slots as spans."""
    intents = "".join(f'<Choice value="{each}"/>' for each in sorted({row["label"] for row in rows}))
    slots = sorted({span["label"] for row in rows for span in row["spans"]})
    spans = "".join(f'<Label value="{each}"/>' for each in slots)
    controls = {
        "intent": f'<Choices name="intent" toName="text" choice="single">{intents}</Choices>',
        "slots": f'<Labels name="slots" toName="text">{spans}</Labels>',
    }
    chosen = "".join(controls[question] for question in questions)
    return f'<View><Text name="text" value="$text"/>{chosen}</View>'


class Gold:
    """The set's own answers, by text."""

    def __init__(self, rows: list[dict[str, Any]], questions: list[str]) -> None:
        self.rows = {row["text"]: row for row in rows}
        self.questions = questions

    def __call__(self, data: Mapping[str, Any]) -> Mapping[str, list[Region]]:
        row = self.rows[data["text"]]
        answers = {
            "intent": [choice_region("intent", row["label"])],
            "slots": [span_region("slots", span) for span in row["spans"]],
        }
        return {question: answers[question] for question in self.questions}


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
    """One seed from an empty Label Studio to the accuracy after the last label."""
    folder = data_folder(arguments.data, "snips")
    train, test = jsonl(folder / "train.jsonl"), jsonl(folder / "test.jsonl")
    pool = random.Random(arguments.seed).sample(train, arguments.pool)
    gold = Gold(pool, arguments.questions)
    record: dict[str, Any] = {"seed": arguments.seed, "questions": arguments.questions, "sampling": arguments.sampling}
    with contextlib.ExitStack() as stack:
        studio = stack.enter_context(LabelStudioServer())
        wheel = stack.enter_context(LabelwheelServer())
        project = studio.create_project(
            label_config(train, arguments.questions), [{"text": row["text"]} for row in pool], "snips"
        )
        studio.change_project(project, sampling=f"{arguments.sampling.capitalize()} sampling")
        started = time.monotonic()
        wheel.connect("label-studio", studio.url, studio.pat, project=project)
        record["connect_seconds"] = time.monotonic() - started
        if "intent" in arguments.questions:
            wheel.until(lambda: _suggested(studio, project) == len(pool), 300, "suggestions for all tasks")
        record["tasks_with_suggestions_before_the_first_label"] = _suggested(studio, project)
        record["before"] = measure(wheel, test)
        annotator = Annotator(studio.api, project, gold)
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


def _suggested(studio: LabelStudioServer, project: int) -> int:
    page = studio.api(
        "GET", "/api/tasks", params={"project": project, "page_size": 2000, "include": "total_predictions"}
    )
    return sum(task["total_predictions"] > 0 for task in page["tasks"])


def main() -> None:
    """Run the seeds, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets (default: LABELWHEEL_DATA)")
    parser.add_argument("--questions", nargs="+", choices=["intent", "slots"], default=["intent"])
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
    console.print(f"kept in {save(name, {'machine': machine(), 'runs': records})}")


if __name__ == "__main__":
    main()
