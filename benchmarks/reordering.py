"""How soon what comes next follows a label in the real labelling tools: `make bench-reordering ARGS="--data FOLDER"`.

Somebody labels a set in Label Studio or Argilla, a text every `--pause` seconds. From pressing Submit it is looked, ten
times a second, how long the next twenty stay the ones that they were: in Label Studio's tab, in Argilla's ranks. A
label that changes nothing about them has no time.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import texts
from benchmarks.common import machine, save
from benchmarks.following import Submits
from benchmarks.tools import POOLS, ArgillaPool, LabelStudioPool, Pool
from labelwheel.plugins.argilla.ranks import PROPERTY
from labelwheel.plugins.label_studio.ranks import TITLE
from testkit.argilla_annotator import PENDING
from testkit.labelwheel import LabelwheelServer
from testkit.load import spread

NEXT, LOOK = 20, 0.1


def upcoming(tool: Pool) -> Callable[[], list[str]]:
    """What asks a tool for the tasks or records that come first."""
    if isinstance(tool, LabelStudioPool):
        return lambda: _in_tab(tool)
    assert isinstance(tool, ArgillaPool)
    return lambda: _by_rank(tool)


def _in_tab(tool: LabelStudioPool) -> list[str]:
    tabs = tool.studio.api("GET", "/api/dm/views/", params={"project": tool.project})
    tab = next(one["id"] for one in tabs if one["data"].get("title") == TITLE)
    found = tool.studio.api("GET", "/api/tasks", params={"view": tab, "page_size": NEXT})
    return [str(task["id"]) for task in found["tasks"]]


def _by_rank(tool: ArgillaPool) -> list[str]:
    sort = {"scope": {"entity": "metadata", "metadata_property": PROPERTY}, "order": "asc"}
    found = tool.argilla.api(
        "POST", f"/me/datasets/{tool.dataset}/records/search", params={"limit": NEXT},
        json={"filters": {"and": PENDING}, "sort": [sort]},
    )  # fmt: skip
    return [str(one["record"]["id"]) for one in found["items"]]


def run(arguments: argparse.Namespace, name: str, console: Console) -> dict[str, Any]:
    """One labelling of one tool."""
    train = texts.read(arguments.data, arguments.set, "train")
    unlike = list({row["text"]: row for row in train}.values())
    pool = random.Random(arguments.seed).sample(unlike, min(arguments.texts, len(unlike)))
    with contextlib.ExitStack() as stack:
        tool = POOLS[name](stack, train, pool, ["intent"], "sequential", arguments.labelled)
        wheel = stack.enter_context(LabelwheelServer(environment={"LABELWHEEL_FINE_TUNING": "false"}))
        tool.connect(wheel)
        look = upcoming(tool)
        wheel.until(lambda: len(look()) == NEXT, 900, "nothing is ordered")
        annotator = tool.annotator()
        submits = annotator.api = Submits(annotator.api)
        waits: list[float | None] = []
        for _ in range(arguments.labels):
            before = set(look())
            if annotator.turn() is None:
                break
            before.discard(str(annotator.turns[-1].task))
            changed, deadline = None, submits.pressed + arguments.pause
            while changed is None and time.monotonic() < deadline:
                if not before <= set(look()):
                    changed = round(time.monotonic() - submits.pressed, 2)
                else:
                    time.sleep(LOOK)
            waits.append(changed)
            time.sleep(max(0.0, deadline - time.monotonic()))
        console.print(f"{name}: {waits}")
        return {"tool": name, "waits": waits, "seconds": spread(found) if (found := _known(waits)) else {}}


def _known(waits: Sequence[float | None]) -> list[float]:
    return [one for one in waits if one is not None]


def main() -> None:
    """Label, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets (default: LABELWHEEL_DATA)")
    parser.add_argument("--set", default="snips", help="whose texts and labels")
    parser.add_argument("--tools", nargs="+", choices=sorted(POOLS), default=sorted(POOLS))
    parser.add_argument("--texts", type=int, default=600)
    parser.add_argument("--labelled", type=int, default=60, help="how many labels are there before the first")
    parser.add_argument("--labels", type=int, default=30)
    parser.add_argument("--pause", type=float, default=12.0, help="seconds between two labels")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    console = Console(highlight=False)
    found = [run(arguments, name, console) for name in arguments.tools]
    table = Table("tool", "labels", "the next twenty changed", "p50", "p99", "worst")
    for each in found:
        seconds = each["seconds"]
        told = [f"{seconds[name]:.1f} s" for name in ("p50", "p99", "worst")] if seconds else ["", "", ""]
        table.add_row(each["tool"], str(len(each["waits"])), str(len(_known(each["waits"]))), *told)
    console.print(table)
    chosen = {name: value for name, value in vars(arguments).items() if name != "data"}
    console.print(f"kept in {save('reordering', {'machine': machine(), 'arguments': chosen, 'runs': found})}")


if __name__ == "__main__":
    main()
