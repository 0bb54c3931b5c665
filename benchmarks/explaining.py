"""How much longer a suggestion takes while what comes next is explained, one example after the other.

    python -m benchmarks.explaining [--blocks 20]

Single tasks over HTTP, none asked before, one a second or so, in blocks that take turns: alone, and beside explanations
of other texts as the worker has them made (after one that is given up it pauses for 5 s; this for .1). Texts of about
12 and about 60 tokens.
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
from labelwheel.training.checkpoints import checkpoint
from testkit.load import spread

LENGTHS = {"short": 12, "long": 60}
ASKED = 10
PAUSES = (0.4, 1.2)
DRAWS = 1000


class Explaining(Beside):
    """Explanations of texts that nobody asked about before."""

    def __init__(self, port: int, texts: Texts, tokens: int) -> None:
        super().__init__()
        self._url = f"http://127.0.0.1:{port}/api/v1/projects/1/questions/topic/explain"
        self._texts, self._tokens, self.given_up = texts, tokens, 0

    def _ask(self, turn: int) -> None:
        answer = requests.post(self._url, json={"text": self._texts.one(self._tokens), "idle": True}, timeout=60)
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            self.given_up += 1
            time.sleep(0.1)
        else:
            answer.raise_for_status()


def block(port: int, texts: Texts, tokens: int, config: str) -> list[float]:
    """Milliseconds of some tasks, one after the other, with pauses."""
    client, chance, found = sockets.Client(port), random.Random(13), []
    for _ in range(ASKED):
        body = servers.body([texts.one(tokens)], config)
        time.sleep(chance.uniform(*PAUSES))
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
    parser.add_argument("--blocks", type=int, default=20, help="of each sort and length")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    record: dict[str, Any] = {"machine": machine() | {"load": os.getloadavg()}, "tokens": LENGTHS, "raw": {}}
    table = Table(title="milliseconds of one task, alone and beside explanations")
    for name in ("", "alone p50", "beside", "ratio", "alone p99", "beside", "ratio", "explanations"):
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory(prefix="labelwheel-bench-") as scratch:
        home = Path(scratch)
        folder = make(home / "checkpoints")
        texts = Texts(AutoTokenizer.from_pretrained(folder, local_files_only=True))
        config = servers.config(checkpoint.read(folder).manifest.question.values)
        with servers.labelwheel(home, folder) as port:
            for length, tokens in LENGTHS.items():
                alone, beside, explained, given_up = [], [], [], 0
                for _ in range(arguments.blocks):
                    alone.append(block(port, texts, tokens, config))
                    with Explaining(port, texts, tokens) as explaining:
                        beside.append(block(port, texts, tokens, config))
                    explained += explaining.seconds
                    given_up += explaining.given_up
                whole = [spread([one for each in blocks for one in each]) for blocks in (alone, beside)]
                found = {share: ratio(alone, beside, share) for share in ("p50", "p99")}
                record["raw"][length] = {"alone": alone, "beside": beside, "explained": explained, "given up": given_up}
                record[length] = {"alone": whole[0], "beside": whole[1], "times": found}
                cells = [
                    cell
                    for share, each in found.items()
                    for cell in (
                        f"{whole[0][share]:.1f}",
                        f"{whole[1][share]:.1f}",
                        f"{each['ratio']:.2f} ({each['low']:.2f}–{each['high']:.2f})",
                    )
                ]
                table.add_row(f"{tokens} tokens", *cells, f"{len(explained) - given_up}, {given_up} given up")
    console.print(table)
    console.print(f"kept in {save('explaining', record)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
