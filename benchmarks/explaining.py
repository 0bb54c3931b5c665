"""How much longer a suggestion takes with what comes next explained meanwhile, and whether that gets done at all.

    python -m benchmarks.explaining [--blocks 20]

Single tasks over HTTP, none asked before, in blocks that take turns: alone, and beside explanations of other texts as
the worker has them made, one after the other, with its pause after one that is refused or given up, which is then asked
for again. `constant` asks once a second or so, texts of about 12 and about 60 tokens; `human` opens a task every 2 to
8 s, texts of about 30: there are the quiet moments in which explanations are made.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import requests
from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer

from benchmarks.beside import Beside
from benchmarks.common import machine, save
from benchmarks.engines import servers, sockets
from benchmarks.engines.checkpoint import Texts, make
from labelwheel.backend.suggestions.reasons import PAUSE_SECONDS
from labelwheel.training.checkpoints import checkpoint
from testkit.load import spread

CASES = {
    "constant, short": (12, (0.4, 1.2)),
    "constant, long": (60, (0.4, 1.2)),
    "human": (30, (2.0, 8.0)),
}
"""Tokens of a text, and from how many to how many seconds there are between two of them."""

ASKED, HUMAN = 10, 2.0
DRAWS = 1000


class Explaining(Beside):
    """Explanations ahead of texts that nobody asked about before."""

    def __init__(self, port: int, texts: Texts, tokens: int) -> None:
        super().__init__()
        self._url = f"http://127.0.0.1:{port}/api/v1/projects/1/questions/topic/explain"
        self._texts, self._tokens, self.given_up = texts, tokens, 0
        self._text = texts.one(tokens)

    def _ask(self, turn: int) -> None:
        answer = requests.post(self._url, json={"text": self._text, "idle": True}, timeout=60)
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            self.given_up += 1
            time.sleep(PAUSE_SECONDS)
        else:
            answer.raise_for_status()
            self._text = self._texts.one(self._tokens)


def block(port: int, texts: Texts, tokens: int, config: str, pauses: tuple[float, float]) -> list[float]:
    """Milliseconds of some tasks, one after the other, with pauses."""
    client, chance, found = sockets.Client(port), random.Random(13), []
    for _ in range(ASKED):
        body = servers.body([texts.one(tokens)], config)
        time.sleep(chance.uniform(*pauses))
        began = time.perf_counter()
        client.predict(body)
        found.append((time.perf_counter() - began) * 1000)
    return found


def ratio(alone: list[list[float]], beside: list[list[float]], share: str) -> dict[str, float]:
    """How much longer, with a 95 % interval of a bootstrap over pairs of blocks."""
    chance, count = np.random.default_rng(13), len(alone)

    def of(places: Any) -> float:
        each = [spread([one for place in places for one in blocks[place]])[share] for blocks in (beside, alone)]
        return each[0] / each[1]

    drawn = [of(chance.integers(count, size=count)) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"ratio": of(range(count)), "low": float(low), "high": float(high)}


def main() -> int:
    """Run, print the table, keep the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--blocks", type=int, default=20, help="of each sort and case; a fifth of it where people pause"
    )
    arguments = parser.parse_args()
    console = Console(highlight=False)
    record: dict[str, Any] = {"machine": machine() | {"load": os.getloadavg()}, "cases": CASES, "raw": {}}
    table = Table(title="milliseconds of one task, alone and beside explanations")
    for name in ("", "alone p50", "beside", "ratio", "alone p99", "beside", "ratio", "explanations"):
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory(prefix="labelwheel-bench-") as scratch:
        home = Path(scratch)
        folder = make(home / "checkpoints")
        texts = Texts(AutoTokenizer.from_pretrained(folder, local_files_only=True))
        config = servers.config(checkpoint.read(folder).manifest.question.values)
        with servers.labelwheel(home, folder) as port:
            for case, (tokens, pauses) in CASES.items():
                alone, beside, explained, given_up, seconds = [], [], 0, 0, 0.0
                for _ in range(arguments.blocks if max(pauses) < HUMAN else max(2, arguments.blocks // 5)):
                    alone.append(block(port, texts, tokens, config, pauses))
                    began = time.monotonic()
                    with Explaining(port, texts, tokens) as explaining:
                        beside.append(block(port, texts, tokens, config, pauses))
                        seconds += time.monotonic() - began
                    explained += len(explaining.seconds) - explaining.given_up
                    given_up += explaining.given_up
                whole = [spread([one for each in blocks for one in each]) for blocks in (alone, beside)]
                found = {share: ratio(alone, beside, share) for share in ("p50", "p99")}
                done = {"explained": explained, "given up": given_up, "a minute": 60 * explained / seconds}
                record["raw"][case] = {"alone": alone, "beside": beside}
                record[case] = {"alone": whole[0], "beside": whole[1], "times": found} | done
                cells = [
                    cell
                    for share, each in found.items()
                    for cell in (
                        f"{whole[0][share]:.1f}",
                        f"{whole[1][share]:.1f}",
                        f"{each['ratio']:.2f} ({each['low']:.2f}–{each['high']:.2f})",
                    )
                ]
                table.add_row(case, *cells, f"{explained}, {done['a minute']:.1f} a minute")
    console.print(table)
    console.print(f"kept in {save('explaining', record)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
