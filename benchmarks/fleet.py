"""One to four web processes on one PostgreSQL: answers a second, what turns cost, and a model of a hundred hosts.

    python -m benchmarks.fleet [--rounds 3] [--seconds 8] [--cores 4]

In each round: one process that is alone; the same one while three others are there, so that it reads the turn; two; all
four. 32 clients ask for texts that were never asked before. The seconds of CPU that PostgreSQL takes are those of its
processes. `benchmarks.hosts` has the model, which is given the costs that were measured.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from transformers import AutoTokenizer

from benchmarks import hosts
from benchmarks.common import machine, save
from benchmarks.engines import servers, sockets
from benchmarks.engines.checkpoint import Texts, make
from benchmarks.engines.figures import Figure
from labelwheel.backend.database.engine import Database
from labelwheel.backend.projects import turns
from labelwheel.training.checkpoints import checkpoint
from testkit import postgresql

CLIENTS, MOST, TOKENS, LOOKS = 32, 4, 12, 2000


class Bench:
    """What is measured, by name: lists of one value a round."""

    def __init__(self, home: Path, folder: Path, url: str, port: int, seconds: float) -> None:
        self._home, self._folder, self._url, self._port, self._seconds = home, folder, url, port, seconds
        self._config = servers.config(checkpoint.read(folder).manifest.question.values)
        self._texts = Texts(AutoTokenizer.from_pretrained(folder, local_files_only=True))
        self.database = Database(url)
        self.found: defaultdict[str, list[float]] = defaultdict(list)

    def round(self, number: int) -> None:
        """Everything once; the processes are started anew."""
        with ExitStack() as stack:
            ports = [self._web(stack, f"{number}-0")]
            self._idle("alone", 1)
            self._rate("alone", ports)
            ports += [self._web(stack, f"{number}-{place}") for place in range(1, MOST)]
            time.sleep(3.0)  # until each knows of the others
            self._idle("together", MOST)
            self._rate("one of four", ports[:1])
            self._rate("two of four", ports[:2])
            self._rate("four", ports)
            self.found["connections"].append(self._connections() / MOST)
        self.found["a look, seconds"].append(self._look())

    def _web(self, stack: ExitStack, name: str) -> int:
        home = self._home / name
        home.mkdir()
        return stack.enter_context(servers.web(home, self._folder, self._url, threads=1))

    def _rate(self, name: str, ports: list[int]) -> None:
        bodies = [self._bodies(self._texts.stream(TOKENS)) for _ in range(CLIENTS)]
        before, began = self._cpu(), time.monotonic()
        rate = sockets.rate(ports, self._seconds, bodies)
        spent = (self._cpu() - before) / (time.monotonic() - began)
        self.found[f"{name}: answers a second"].append(rate)
        self.found[f"{name}: database, CPU seconds an answer"].append(spent / rate)

    def _bodies(self, stream: Iterator[str]) -> Iterator[bytes]:
        for each in stream:
            yield servers.body([each], self._config)

    def _idle(self, name: str, processes: int) -> None:
        before = self._cpu()
        time.sleep(self._seconds)
        spent = (self._cpu() - before) / self._seconds / processes
        self.found[f"{name}: database, CPU of an idle process"].append(spent)

    def _look(self) -> float:
        """One look, while nobody else looks."""
        began = time.perf_counter()
        for _ in range(LOOKS):
            with self.database.glance() as connection:
                turns.latest(connection, 1)
        return (time.perf_counter() - began) / LOOKS

    def _connections(self) -> int:
        with self.database.session() as session:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            return int(session.scalar(text(query)) or 0) - 1  # this one

    def _cpu(self) -> float:
        """Of the server that listens on the port, with those of its processes that have ended."""
        spent = 0.0
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == "postgres" and f"-p {self._port}" in " ".join(process.parent().cmdline() or []):
                    times = process.cpu_times()
                    spent += times.user + times.system
                elif process.name() == "postgres" and f"-p {self._port}" in " ".join(process.cmdline()):
                    times = process.cpu_times()
                    spent += times.user + times.system + times.children_user + times.children_system
        return spent


def cost(found: dict[str, Figure]) -> hosts.Cost:
    """What the model is given; a look costs what an answer of one of four takes more than that of one alone."""
    alone, together = (found[f"{name}: database, CPU seconds an answer"].median for name in ("alone", "one of four"))
    idle = found["together: database, CPU of an idle process"].median
    busy = found["one of four: answers a second"].median
    others = idle * MOST / busy  # what the four do anyway while one is asked
    return hosts.Cost(
        look=max(together - others - (alone - idle / found["alone: answers a second"].median), 0.0),
        other=max(alone - idle / found["alone: answers a second"].median, 0.0),
        idle=idle,
        seconds=found["a look, seconds"].median,
        connections=round(found["connections"].median),
    )


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All rounds, and the model."""
    with tempfile.TemporaryDirectory(prefix="labelwheel-bench-") as scratch, postgresql.running() as server:
        home, url = Path(scratch), server.create("fleet")
        console.print("a checkpoint …")
        folder = make(home / "checkpoints")
        bench = Bench(home, folder, url, server.port, arguments.seconds)
        servers.set_up(bench.database, folder)
        for number in range(arguments.rounds):
            console.print(f"round {number + 1} …")
            bench.round(number)
        bench.database.dispose()
    found = {name: Figure.of(values) for name, values in bench.found.items()}
    price, rate = cost(found), found["alone: answers a second"].median
    pairs = zip(bench.found["one of four: answers a second"], bench.found["alone: answers a second"], strict=True)
    return {
        "machine": machine(),
        "found": {name: figure.record() for name, figure in found.items()},
        "turns cost": Figure.of([one / other for one, other in pairs]).record(),
        "cost": asdict(price),
        "database cores": arguments.cores,
        "hosts": [asdict(hosts.at(number, rate, price, arguments.cores)) for number in hosts.HOSTS],
        "limit": {name: hosts.limit(share * rate, price, arguments.cores) for name, share in SHARES.items()},
    }


SHARES = {"every host busy all the time": 1.0, "a tenth of the time": 0.1}


def main() -> int:
    """Run, print, keep the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--cores", type=int, default=4, help="of the database in the model")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    record = run(arguments, console)
    table = Table("what", "median (95 % of a bootstrap)")
    for name, figure in record["found"].items():
        table.add_row(name, Figure(**figure).text())
    table.add_row("one of four over alone, answers a second", Figure(**record["turns cost"]).text())
    console.print(table)
    model = Table("hosts", "database busy", "a look, ms", "requests a look", "connections")
    for point in record["hosts"]:
        looks = ("–", "–") if point["shared"] is None else (f"{point['milliseconds']:.2f}", f"{point['shared']:.1f}")
        model.add_row(str(point["hosts"]), f"{point['busy']:.0%}", *looks, str(point["connections"]))
    console.print(model)
    console.print(record["limit"], save("fleet", record))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
