"""Whether what Labelwheel promises about itself holds: `make bench-honest`, in ARGS the names of parts if not all."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from benchmarks.honest import gate, loop, replay, scores, tuned

PARTS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "gate": lambda asked: gate.run(asked.runs, asked.rounds, asked.seed),
    "loop": lambda asked: loop.run(asked.data, asked.loops, asked.seeds, asked.counts, asked.seed),
    "scores": lambda asked: scores.run(asked.data, asked.sets, asked.labels, asked.seeds),
    "tuned": lambda asked: tuned.run(asked.data, asked.tuned, asked.seeds),
    "replay": lambda asked: replay.run(asked.data, asked.recorded, asked.seed, asked.policies),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--runs", type=int, default=400, help="gate: of each simulated project")
    parser.add_argument("--rounds", type=int, default=1000, help="gate: in each of them")
    parser.add_argument("--seed", type=int, default=0, help="gate, replay; loop: of the first draw")
    parser.add_argument("--counts", type=int, nargs="+", default=loop.COUNTS, help="loop: of labels")
    parser.add_argument("--data", help="loop, scores, tuned, replay: the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--loops", nargs="+", default=loop.SETS, help="loop: which sets")
    parser.add_argument("--sets", nargs="+", default=scores.SETS, help="scores: which sets")
    parser.add_argument("--tuned", nargs="+", default=tuned.SETS, help="tuned: which sets")
    parser.add_argument("--labels", type=int, nargs="+", default=scores.LABELS, help="scores: how many of each")
    parser.add_argument("--seeds", type=int, default=scores.SEEDS, help="loop, scores, tuned: how many draws")
    parser.add_argument("--recorded", type=int, default=80, help="replay: how many labels")
    parser.add_argument("--policies", nargs="+", default=replay.POLICIES, help="replay: the first one is recorded")
    asked = parser.parse_args()
    unknown = sorted(set(asked.parts) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    for name in asked.parts or PARTS:
        PARTS[name](asked)


if __name__ == "__main__":
    main()
