"""How near serving comes to the engine itself, and how far it is from the stock design.

    python -m benchmarks.serving [--quick] [--device cuda]

In one run, for texts of about 12 and about 250 tokens: the raw engine in a plain loop, with one core and with all of
them for a batch, or in OpenVINO, whichever is faster, and in a loop for each core; labelwheel without HTTP, and with it
as it is and with `LABELWHEEL_ENGINE=openvino`, where that is installed; the design of
label-studio-ml 2.x (`benchmarks.stock`) under gunicorn, as its examples are and with the model kept between requests.
Each figure is a median over rounds that take turns, with its 95 % interval. The clients run on the same cores as the
servers, and are part of what HTTP costs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from benchmarks.engines import servers, sockets
from benchmarks.engines.checkpoint import Texts, make
from benchmarks.engines.figures import Figure
from benchmarks.engines.raw import InProcess, Raw, together
from labelwheel.backend.serving.cores import available
from labelwheel.backend.serving.engines.onnx import OnnxEngine
from labelwheel.backend.serving.engines.pytorch import TorchEngine
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.onnx_export import openvino_session

LENGTHS = {"short": 12, "long": 250}
CLIENTS = 32
TASKS = 500
BATCHES = (1, 4, 8, 16, 32)

Numbers = dict[str, list[float]]
Way = Callable[[str], Callable[[], object]]
"""From a text to what is timed: a body is put together before."""


class Bench:
    """Everything up; each method adds to `found[length][what]`, in milliseconds or texts a second."""

    def __init__(self, folder: Path, ports: dict[str, int], quick: bool, threads: int | None) -> None:
        self.folder, self.ports, self.quick = folder, ports, quick
        cores = threads or available()
        self.onnx = OnnxEngine(cores)
        self.loops = [Raw(self.onnx, folder) for _ in range(cores)]
        self.raw = {"raw": self.loops[0], "raw on all cores": Raw(OnnxEngine(cores, cores), folder)}
        if openvino_session.installed():
            self.raw["raw in OpenVINO"] = Raw(OnnxEngine(cores, openvino=True), folder)
        # torch's threads are the process's, whichever model was loaded last: all cores, as its users have it
        self.torch = Raw(TorchEngine("cpu", cores, cores), folder)
        self.inside = InProcess(self.onnx, folder)
        self.texts = Texts(self.loops[0].model._tokenizer)  # type: ignore[attr-defined]
        self.config = servers.config(self.loops[0].model.question.values)
        self.found: dict[str, Numbers] = {name: defaultdict(list) for name in LENGTHS}

    def singles(self, length: str) -> None:
        """Milliseconds of one text, one after the other; the ways take turns."""
        over_http = {name: self._over_http(port) for name, port in self.ports.items()}
        turns = 22 if self.quick else 62
        ways: dict[str, Way] = {
            **{name: lambda text, raw=raw: partial(raw.answer, [text]) for name, raw in self.raw.items()},  # type: ignore[misc]
            "in process": lambda text: partial(self.inside.answer, [text]),
            **{name: over_http.pop(name) for name in list(over_http) if name.startswith("labelwheel")},
        }
        self._turns(length, ways, turns)
        # each by itself: torch's threads go on spinning for a while, which whoever comes next would pay for
        for name, way in {"torch": lambda text: partial(self.torch.answer, [text]), **over_http}.items():
            self._turns(length, {name: way}, turns)

    def _over_http(self, port: int) -> Way:
        client = sockets.Client(port)
        return lambda text: partial(client.predict, servers.body([text], self.config))

    def _turns(self, length: str, ways: dict[str, Way], turns: int) -> None:
        for turn in range(turns):
            for name, way in ways.items():
                ask = way(self.texts.many(LENGTHS[length], 1)[0])
                began = time.perf_counter()
                ask()
                if turn >= 2:
                    self.found[length][f"single, {name}"].append((time.perf_counter() - began) * 1000)

    def rates(self, length: str) -> None:
        """Texts a second: the raw engine at its best batch, and so many clients of each way."""
        tokens, seconds = LENGTHS[length], (1.5 if self.quick else 4.0) * (1 if length == "short" else 3)
        count = 64 if length == "short" else 32
        for name, raw in {**self.raw, "torch": self.torch}.items():
            for batch in (1, 8) if name == "torch" else BATCHES:
                taken = raw.seconds(self.texts.many(tokens, count), batch)
                self.found[length][f"rate, {name} in batches of {batch}"].append(count / taken)
        for batch in BATCHES:
            self.found[length][f"rate, a loop for each core in batches of {batch}"].append(
                together(self.loops, [self.texts.many(tokens, count) for _ in self.loops], batch)
            )
        streams = [self.texts.stream(tokens) for _ in range(CLIENTS)]
        self.found[length]["rate, in process"].append(self.inside.rate(CLIENTS, seconds, streams))
        for name, port in self.ports.items():
            bodies = [self._bodies(stream) for stream in streams]
            long = max(20.0, seconds) if name == "stock" else seconds  # an answer or two a second
            self.found[length][f"rate, {name}"].append(sockets.rate([port], long, bodies))

    def bulk(self, length: str) -> None:
        """One request of many tasks: alone, and while a single task is asked now and then."""
        tokens, count = LENGTHS[length], TASKS if length == "short" or not self.quick else 100
        numbers, port = self.found[length], self.ports["labelwheel"]
        for batch in BATCHES:
            for name, raw in self.raw.items():
                taken = raw.seconds(self.texts.many(tokens, count), batch)
                numbers[f"bulk, {name} in batches of {batch}"].append(count / taken)
        numbers["bulk, labelwheel"].append(self._request(port, tokens, count))
        idle, stop, waited = self._over_http(port), threading.Event(), list[float]()

        def ask() -> None:
            while not stop.wait(0.02):
                ask_once = idle(self.texts.many(tokens, 1)[0])
                began = time.perf_counter()
                ask_once()
                waited.append((time.perf_counter() - began) * 1000)

        thread = threading.Thread(target=ask)
        thread.start()
        numbers["bulk, labelwheel while a single one asks"].append(self._request(port, tokens, count))
        stop.set()
        thread.join()
        numbers["single, labelwheel during bulk"] += waited

    def _request(self, port: int, tokens: int, count: int) -> float:
        sent = servers.body(self.texts.many(tokens, count), self.config)
        client = sockets.Client(port)
        began = time.perf_counter()
        assert len(client.predict(sent)) == count
        return count / (time.perf_counter() - began)

    def _bodies(self, stream: Iterator[str]) -> Iterator[bytes]:
        for text in stream:
            yield servers.body([text], self.config)

    def alike(self) -> dict[str, Any]:
        """How many answers of the artefact and of torch in fp32 are the same, over texts of both lengths."""
        texts = [text for tokens in LENGTHS.values() for text in self.texts.many(tokens, 40)]
        pairs = [(self.loops[0].answer([text])[0], self.torch.answer([text])[0]) for text in texts]
        return {"texts": len(texts), "same": sum(one.answer == other.answer for one, other in pairs)}


def figures(found: dict[str, Numbers]) -> dict[str, dict[str, Figure]]:
    """Medians, with the best batch of each engine under a name of its own."""
    told = {length: {name: Figure.of(values) for name, values in numbers.items()} for length, numbers in found.items()}
    for each in told.values():
        for kind in ("rate, raw", "rate, torch", "rate, a loop for each core", "bulk, raw"):
            batches = {name: figure for name, figure in each.items() if name.startswith(kind) and "in batches" in name}
            each[f"{kind} at its best"] = max(batches.values(), key=lambda figure: figure.median)
        singles = [figure for name, figure in each.items() if name.startswith("single, raw")]
        each["single, best raw"] = min(singles, key=lambda figure: figure.median)
    return told


def ratios(told: dict[str, Figure]) -> dict[str, tuple[float, str]]:
    """What was to be reached, as a ratio and a target."""

    def over(one: str, other: str) -> float:
        return told[one].median / told[other].median

    beside = {
        "single, HTTP: in OpenVINO, times the latency as it is": (
            "single, labelwheel in OpenVINO", "single, labelwheel"
        ),
        f"{CLIENTS} clients, HTTP: in OpenVINO, times the answers as it is": (
            "rate, labelwheel in OpenVINO", "rate, labelwheel"
        ),
    }  # fmt: skip
    found = {
        "single, in process: times the raw engine's latency": (over("single, in process", "single, best raw"), "≤ 1.5"),
        "single, HTTP: times the raw engine's latency": (over("single, labelwheel", "single, best raw"), "≤ 1.5"),
        "single, HTTP: of the stock design's latency": (over("single, labelwheel", "single, stock"), "≤ 0.125"),
        "single, HTTP: of the stock design's that keeps its model": (
            over("single, labelwheel", "single, stock, model kept"), ""
        ),
        f"{CLIENTS} threads, no HTTP: of the raw engine": (over("rate, in process", "rate, raw at its best"), "≥ 0.8"),
        f"{CLIENTS} threads, no HTTP: of a raw engine for each core": (
            over("rate, in process", "rate, a loop for each core at its best"), ""
        ),
        f"{CLIENTS} clients, HTTP: of the raw engine": (over("rate, labelwheel", "rate, raw at its best"), "≥ 0.8"),
        f"{CLIENTS} clients, HTTP: times the stock design": (over("rate, labelwheel", "rate, stock"), "≥ 8"),
        f"{CLIENTS} clients, HTTP: times the stock design that keeps its model": (
            over("rate, labelwheel", "rate, stock, model kept"), ""
        ),
        "one bulk request: of the raw engine": (over("bulk, labelwheel", "bulk, raw at its best"), "≥ 0.9"),
        "a single task meanwhile: times its idle latency": (
            over("single, labelwheel during bulk", "single, labelwheel"), "≤ 3"
        ),
        "the artefact: times torch fp32, single": (over("single, torch", "single, best raw"), "≥ 2"),
        "the artefact: times torch fp32, batched": (over("rate, raw at its best", "rate, torch at its best"), "≥ 2"),
    }  # fmt: skip
    return found | {key: (over(*pair), "") for key, pair in beside.items() if pair[0] in told}


def main() -> int:
    """Run, print the tables, keep the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of a minute or so; only to see that it works")
    parser.add_argument("--rounds", type=int, default=None, help="how often all is measured; 3, or 1 with --quick")
    parser.add_argument("--threads", type=int, default=None, help="cores for inference; all if not given")
    parser.add_argument("--lengths", default=",".join(LENGTHS), help="short, long or both")
    parser.add_argument("--device", default="cpu", help="cuda measures the encoder on a GPU instead")
    parser.add_argument("--base-model", default=None, help="another encoder, with --device cuda")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    if arguments.device != "cpu":
        from benchmarks.engines import gpu

        return gpu.main(arguments, console)
    lengths = [name for name in arguments.lengths.split(",") if name in LENGTHS]
    with tempfile.TemporaryDirectory(prefix="labelwheel-bench-") as scratch:
        console.print("a checkpoint …")
        home = Path(scratch)
        folder = make(home / "checkpoints")
        entry = checkpoint.read(folder).manifest.artefact
        assert entry is not None, checkpoint.read(folder).report["artefact"]
        with (
            ExitStack() as opened,
            servers.stock(folder) as stock,
            servers.stock(folder, keeps=True) as keeping,
        ):
            wheels = {"labelwheel": "auto"}
            if openvino_session.installed():
                wheels["labelwheel in OpenVINO"] = "openvino"
            ports = {
                name: opened.enter_context(servers.labelwheel(home / engine, folder, arguments.threads, engine))
                for name, engine in wheels.items()
            }
            ports |= {"stock": stock, "stock, model kept": keeping}
            bench = Bench(folder, ports, arguments.quick, arguments.threads)
            for turn in range(arguments.rounds or (1 if arguments.quick else 3)):
                for length in lengths:
                    console.print(f"round {turn + 1}, {length} texts …")
                    bench.singles(length)
                    bench.rates(length)
                    bench.bulk(length)
            alike = bench.alike()
            bench.inside.close()
        report = checkpoint.read(folder).report["artefact"]
    told = figures({name: bench.found[name] for name in lengths})
    record: dict[str, Any] = {
        "machine": machine() | {"load": os.getloadavg(), "precision": entry.precision},
        "agreement": {"by the job": report, "with torch on these texts": alike},
        "tokens": LENGTHS,
        "raw": {name: dict(bench.found[name]) for name in lengths},
        "figures": {name: {key: figure.record() for key, figure in each.items()} for name, each in told.items()},
        "ratios": {},
    }
    table = Table(title="milliseconds (single), texts a second (rate, bulk)")
    goals = Table(title=f"ratios; the artefact is {entry.precision}")
    table.add_column("")
    goals.add_column("")
    for name in lengths:
        table.add_column(f"{LENGTHS[name]} tokens", justify="right")
        goals.add_column(f"{LENGTHS[name]} tokens", justify="right")
    goals.add_column("to reach", justify="right")
    for key in told[lengths[0]]:
        table.add_row(key, *(told[name][key].text() for name in lengths))
    found = {name: ratios(told[name]) for name in lengths}
    record["ratios"] = {name: {key: value for key, (value, _) in each.items()} for name, each in found.items()}
    for key, (_, goal) in found[lengths[0]].items():
        goals.add_row(key, *(f"{found[name][key][0]:.2f}" for name in lengths), goal)
    console.print(table)
    console.print(goals)
    console.print(f"answers of the artefact and of torch: {alike['same']} of {alike['texts']} the same")
    console.print(f"kept in {save('serving', record)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
