"""How soon suggestions follow a label in the real labelling tools: `make bench-following ARGS="--data FOLDER"`.

Somebody labels a set in Label Studio or Argilla, a text every `--pause` seconds, with all rounds as they come by
themselves; once with the fast lane and once without. From pressing Submit, it is looked how long the next text's
suggestion stays what it was; how many suggestions needed no change; and what asking for a suggestion takes beside it
(looking for a change asks up to fifty times a second itself, which the run without the fast lane does not).

    --tool argilla                          # from Submit until newer heads are seen in the next record of the queue
    --set banking77 --labelled 2000         # that many labels are there before the first
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import texts
from benchmarks.beside import Beside
from benchmarks.common import machine, save
from benchmarks.tools import POOLS
from labelwheel.plugins.argilla.pushing import SAME_SCORE
from testkit.annotator import Annotator
from testkit.labelwheel import LabelwheelServer
from testkit.load import spread

WINDOW, PATIENCE, LOOK = 50, 6.0, 0.02
BINS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 6.0)
"""Seconds up to which the histogram counts; what took longer is counted as unchanged."""


class Asking(Beside):
    """Somebody else, who asks about a text that nobody asked about before, some times a second."""

    def __init__(self, wheel: LabelwheelServer, project: int, rows: Sequence[dict[str, Any]]) -> None:
        super().__init__(pause=0.2)
        self._wheel, self._rows = wheel, rows
        self._path = f"/api/v1/projects/{project}/suggest"

    def _ask(self, turn: int) -> None:
        text = f"{self._rows[turn % len(self._rows)]['text']} #{turn}"
        answer = self._wheel.call("POST", self._path, json={"examples": [{"key": "1", "fields": {"text": text}}]})
        answer.raise_for_status()


class Submits:
    """The tool's API, which notes when the last answer was sent."""

    def __init__(self, api: Callable[..., Any]) -> None:
        self._api, self.pressed = api, 0.0

    def __call__(self, method: str, path: str, **more: Any) -> Any:
        if method == "POST" and ("annotations" in path or "responses" in path):
            self.pressed = time.monotonic()
        return self._api(method, path, **more)


class Answer(NamedTuple):
    """What is served for a text at the moment: by which version, what, and how sure it is."""

    version: str
    label: Any
    score: float


def served(wheel: LabelwheelServer, project: int, text: str) -> Answer:
    """Asks for a suggestion."""
    body = {"examples": [{"key": "next", "fields": {"text": text}}]}
    found = wheel.call("POST", f"/api/v1/projects/{project}/suggest", json=body).json()
    one = found["suggestions"][0]["predictions"]["intent"]
    return Answer(found["version"], one["answer"], one["score"])


def lies_there(record: Mapping[str, Any], answer: Answer) -> bool:
    """Whether a record of Argilla suggests what is served: what hardly changes is not written again."""
    return any(
        one["value"] == answer.label and abs((one["score"] or 0.0) - answer.score) < SAME_SCORE
        for one in record["suggestions"]
    )


def followed(
    tool: str, wheel: LabelwheelServer, project: int, annotator: Annotator, text: str, known: Collection[str]
) -> bool:
    """Whether newer heads answer than those `known`: where Label Studio asks, or in the next record of Argilla."""
    if tool != "argilla":
        return served(wheel, project, text).version not in known
    if (record := annotator.next_task()) is None:
        return False
    answer = served(wheel, project, record["fields"]["text"])
    return answer.version not in known and lies_there(record, answer)


def run(arguments: argparse.Namespace, fast: bool, console: Console) -> dict[str, Any]:
    """One labelling, from the first label on."""
    train = texts.read(arguments.data, arguments.set, "train")
    unlike = list({row["text"]: row for row in train}.values())
    wanted = arguments.labelled + arguments.labels + 100
    pool = random.Random(arguments.seed).sample(unlike, min(wanted, len(unlike)))
    with contextlib.ExitStack() as stack:
        tool = POOLS[arguments.tool](stack, train, pool, ["intent"], "sequential", arguments.labelled)
        wheel = stack.enter_context(
            LabelwheelServer(environment={"LABELWHEEL_FAST_LANE": str(fast).lower(), "LABELWHEEL_BLIND": "0"})
        )
        tool.connect(wheel)
        project = int(wheel.status()["projects"][0]["id"])
        wheel.until(
            lambda: tool.suggested() >= min(arguments.labels, len(pool) - arguments.labelled), 900, "suggestions"
        )
        annotator = tool.annotator()
        submits = annotator.api = Submits(annotator.api)
        waits, rounds, known, revised = list[dict[str, Any]](), set[str](), set[str](), False
        with Asking(wheel, project, test := texts.read(arguments.data, arguments.set, "test")) as asking:
            for number in range(arguments.labels):
                text = test[number % len(test)]["text"]
                known.add(served(wheel, project, text).version)
                if annotator.turn() is None:
                    break
                answered, changed = time.monotonic(), False
                # before the first revision, labels are only counted: the names, or the champion, stay what they are
                while revised and not changed and time.monotonic() - answered < PATIENCE:
                    changed = followed(arguments.tool, wheel, project, annotator, text, known)
                    if not changed:
                        time.sleep(LOOK)
                told = time.monotonic() - submits.pressed
                (state,) = wheel.status()["projects"]
                training = any(each["round"] for each in state["questions"])
                rounds.update(str(each["round"]["id"]) for each in state["questions"] if each["round"])
                revised = state["version"]["revision"] is not None
                waits.append(
                    {"submit": round(answered - submits.pressed, 3), "changed": round(told, 3) if changed else None,
                     "training": training, "revised": revised}
                )  # fmt: skip
                if (number + 1) % WINDOW == 0:
                    share = annotator.accepted_share("intent", WINDOW)
                    console.print(f"{number + 1} labels: {share:.0%} of the last {WINDOW} accepted")
                time.sleep(max(0.0, arguments.pause - (time.monotonic() - answered)))
        accepted = [turn.accepted["intent"] for turn in annotator.turns]
        return {
            "fast_lane": fast, "labels": len(accepted), "rounds": len(rounds), "waits": waits, "accepted": accepted,
            "asked": len(asking.seconds),
            "suggest_ms": {name: round(one * 1000, 1) for name, one in spread(asking.seconds).items()},
        }  # fmt: skip


def told(found: dict[str, Any]) -> dict[str, Any]:
    """The waits of one labelling in figures: of the labels before which a revision was served."""
    waits = [each for before, each in itertools.pairwise(found["waits"]) if before["revised"]]
    changed = [each["changed"] for each in waits if each["changed"] is not None]
    if len(changed) < 2:
        return {"followed": len(changed), "of": len(waits)}
    cuts = statistics.quantiles(changed, n=20, method="inclusive")
    edges = itertools.pairwise((0.0, *BINS))
    return {
        "followed": len(changed),
        "of": len(waits),
        "p50": round(cuts[9], 2),
        "p95": round(cuts[18], 2),
        "worst": round(max(changed), 2),
        "submit_p50": round(statistics.median(each["submit"] for each in waits), 2),
        "histogram": {f"{high:g} s": sum(low < each <= high for each in changed) for low, high in edges},
    }


def main() -> None:
    """Label twice, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets (default: LABELWHEEL_DATA)")
    parser.add_argument("--set", default="snips", help="whose texts and labels")
    parser.add_argument("--tool", choices=sorted(POOLS), default="label-studio")
    parser.add_argument("--labelled", type=int, default=0, help="how many labels are there before the first")
    parser.add_argument("--labels", type=int, default=300)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two labels, at the least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["with", "without"], help="the fast lane, or no fast lane, alone")
    arguments = parser.parse_args()
    console, found = Console(highlight=False), []
    for fast in (True, False):
        if arguments.only in (None, "with" if fast else "without"):
            console.print("with the fast lane" if fast else "without the fast lane")
            one = run(arguments, fast, console)
            found.append(one | {"told": told(one)})
    _show(console, found)
    chosen = {name: value for name, value in vars(arguments).items() if name != "data"}
    name = f"following-{arguments.tool}-{arguments.set}" + (f"-{arguments.labelled}" if arguments.labelled else "")
    console.print(f"kept in {save(name, {'machine': machine(), 'arguments': chosen, 'runs': found})}")


def _show(console: Console, found: Sequence[dict[str, Any]]) -> None:
    table = Table(
        "fast lane", "labels", "accepted", "rounds", "followed", "p50", "p95", "worst", "/suggest p50, p99 (ms)"
    )
    for one in found:
        waits, asked = one["told"], one["suggest_ms"]
        figures = [f"{waits[name]:.2f} s" if name in waits else "" for name in ("p50", "p95", "worst")]
        share = sum(one["accepted"]) / max(1, one["labels"])
        followed = f"{waits['followed']} of {waits['of']}" if one["fast_lane"] else ""
        table.add_row(
            str(one["fast_lane"]), str(one["labels"]), f"{share:.1%}", str(one["rounds"]), followed,
            *figures, f"{asked['p50']}, {asked['p99']}",
        )  # fmt: skip
        for edge, count in waits.get("histogram", {}).items():
            console.print(f"up to {edge:>6}: {count:4d} {'#' * min(count, 80)}")
    console.print(table)


if __name__ == "__main__":
    main()
