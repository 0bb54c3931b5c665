"""What pages cost: CPU and memory over a large project, and what ten open dashboards do to suggestions.

    python -m benchmarks.pages [views] [dashboards] [--examples 100000] [--labels 50000]

`views`: each page and its JSON, over SQLite and PostgreSQL, the first time and four times after it, none from memory.
`dashboards`: single tasks over HTTP, one a second or so, in blocks that take turns: alone, and beside ten browsers that
keep a page open as its script does, over the same project.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests
from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer

from benchmarks import large
from benchmarks.common import RESULTS, machine, save
from benchmarks.engines import servers
from benchmarks.engines.checkpoint import Texts, make
from benchmarks.explaining import block, ratio
from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.database.engine import Database
from labelwheel.backend.settings import Settings
from labelwheel.backend.web.pages.frame import FRESH
from labelwheel.training.checkpoints import checkpoint
from testkit import postgresql
from testkit.load import spread

AGAIN = 4
DASHBOARDS = 10
EVERY = {"overview": 4.0, "rounds": 3.0, "learning": 10.0, "quality": 30.0, "data": 3600.0}
"""Seconds between two looks, by page, as the templates have it; the page of examples is not kept fresh."""
ASKED = (
    "list=least-sure", "list=label-errors", "list=disagreements", "text=no+such+text", "label=Delivery",
    "says=Delivery", "annotator=tool:1", "side=held_out", "slice=source%3Dapp",
    "score_from=0.5&score_to=0.501",
)  # fmt: skip
"""The lists and the searches of the page of examples; those that find little look the longest."""
PAUSES = (0.1, 0.7)
"""Seconds between two tasks."""
TOKENS = 60


def views(home: Path, folder: Path, size: tuple[int, int], console: Console) -> dict[str, Any]:
    """Seconds of CPU of each page, and until it was there: with PostgreSQL, another process works too."""
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        server = stack.enter_context(postgresql.running())
        urls = {"sqlite": f"sqlite:///{home / 'views.db'}", "postgresql": server.create("views")}
        for name, url in urls.items():
            database = Database(url)
            servers.set_up(database, folder)
            large.fill(database, 1, 1, *size)
            database.dispose()
            settings = Settings(home=home / name, database=url, store=str(folder.parent))
            app = create_app(settings, start=False)
            client, process = app.test_client(), psutil.Process()
            paths = list(_paths(app))
            found[name] = {}
            for path in paths:
                seconds, waited = [], []
                for _ in range(1 + AGAIN):
                    began, clock = time.process_time(), time.monotonic()
                    answer = client.get(path, headers={FRESH: "1"})
                    seconds.append(time.process_time() - began)
                    waited.append(time.monotonic() - clock)
                    if answer.status_code != 200:
                        sys.exit(f"{path}: {answer.status_code} {answer.text[:500]}")
                told = {"first": seconds[0], "again": seconds[1:], "waited": waited[1:]}
                found[name][path] = told | {"bytes": len(answer.data)}
            before = process.memory_info().rss
            for _ in range(5):
                for path in paths:
                    client.get(path, headers={FRESH: "1"})
            found[name]["grown_mb"] = (process.memory_info().rss - before) / 1e6
            app.extensions[EXTENSION].queue.close()
            app.extensions[EXTENSION].database.dispose()
    table = Table(title="milliseconds of CPU the first time, after it (medians), and until the answer was there")
    table.add_column("", no_wrap=True)
    for column in (*(f"{name} {which}" for name in found for which in ("first", "again", "waited")), "kB"):
        table.add_column(column, justify="right")
    for path in paths:
        cells = [each for name in found for each in _shown(found[name][path])]
        table.add_row(path, *cells, f"{found['sqlite'][path]['bytes'] / 1000:.0f}")
    console.print(table)
    console.print({name: f"{each['grown_mb']:.1f} MB more after five times all pages" for name, each in found.items()})
    return found


def _shown(one: dict[str, Any]) -> list[str]:
    seconds = one["first"], statistics.median(one["again"]), statistics.median(one["waited"])
    return [f"{each * 1000:.0f}" for each in seconds]


def _paths(app: Any) -> Iterator[str]:
    """Every page of the project and what its JSON is made from."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        own = rule.endpoint.startswith(("pages.", "views."))
        left_out = ("pages.asset", "pages.charts", "pages.sign_in")
        if own and "GET" in (rule.methods or ()) and rule.endpoint not in left_out:
            filled = {"number": "1", "name": "topic"}
            path = rule.rule.replace("/examples/<path:name>", "/examples/7").replace("/data/<path:name>", "/data/7")
            path = path.replace("<int:round>", "3").replace("<path:key>", "7")
            for name, value in filled.items():
                for sort in ("int:", "path:", ""):
                    path = path.replace(f"<{sort}{name}>", value)
            if "<" not in path:
                yield path
            if rule.endpoint == "pages.data":
                yield from (f"{path}?{asked}" for asked in ASKED)


@contextmanager
def opened(port: int, pages: list[str]) -> Iterator[list[float]]:
    """Browsers that keep pages open, each another; yields the seconds of their looks, when all have loaded once."""
    stop, loaded, seconds = threading.Event(), threading.Barrier(len(pages) + 1, timeout=60), list[float]()

    def look(page: str) -> None:
        with requests.Session() as session:
            tag = session.get(f"http://127.0.0.1:{port}{page}", timeout=60).headers.get("ETag")
            loaded.wait()
            while not stop.wait(EVERY[page.rpartition("/")[2]]):
                headers = {"If-None-Match": tag} if tag else {}
                began = time.monotonic()
                answer = session.get(f"http://127.0.0.1:{port}{page}", headers=headers, timeout=60)
                seconds.append(time.monotonic() - began)
                tag = answer.headers.get("ETag")

    threads = [threading.Thread(target=look, args=(page,), daemon=True) for page in pages]
    for each in threads:
        each.start()
    try:
        loaded.wait()
        yield seconds
    finally:
        stop.set()
        for each in threads:
            each.join(60)


def dashboards(home: Path, folder: Path, size: tuple[int, int], blocks: int, console: Console) -> dict[str, Any]:
    """How much longer a suggestion takes while people look on."""
    texts = Texts(AutoTokenizer.from_pretrained(folder, local_files_only=True))
    config = servers.config(checkpoint.read(folder).manifest.question.values)
    shown = ["/overview", "/overview", "/overview", "/overview", "/projects/1/rounds", "/projects/1/rounds"]
    shown += ["/projects/1/learning", "/projects/1/learning", "/projects/1/quality", "/projects/1/data"]
    assert len(shown) == DASHBOARDS
    alone, beside, looks = [], [], list[float]()
    with servers.labelwheel(home, folder) as port:
        database = Database(f"sqlite:///{home / 'labelwheel.db'}")
        large.fill(database, 1, 1, *size)
        database.dispose()
        with opened(port, shown):
            time.sleep(20)  # what is counted once only
        for _ in range(blocks):
            alone.append(block(port, texts, TOKENS, config, PAUSES))
            with opened(port, shown) as seconds:
                beside.append(block(port, texts, TOKENS, config, PAUSES))
            looks += seconds
    whole = [spread([one for each in blocks for one in each]) for blocks in (alone, beside)]
    times = {share: ratio(alone, beside, share) for share in ("p50", "p99")}
    for share, each in times.items():
        told = f"{each['ratio']:.2f} ({each['low']:.2f}–{each['high']:.2f})"
        console.print(f"{share}: {whole[0][share]:.1f} ms alone, {whole[1][share]:.1f} beside ten pages: {told}")
    return {"alone": whole[0], "beside": whole[1], "times": times, "looks": len(looks), "raw": [alone, beside]}


def main() -> int:
    """Run, print the tables, keep the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["views", "dashboards", []], default=[])
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=50_000)
    parser.add_argument("--blocks", type=int, default=20)
    arguments = parser.parse_args()
    console, size = Console(highlight=False, width=150), (arguments.examples, arguments.labels)
    wanted = arguments.what or ["views", "dashboards"]
    # one of the two may be measured by itself
    kept = RESULTS / "pages.json"
    record: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    about = {"machine": machine() | {"load": os.getloadavg()}, "size": size}
    with tempfile.TemporaryDirectory(prefix="labelwheel-bench-") as scratch:
        home = Path(scratch)
        folder = make(home / "checkpoints")
        if "views" in wanted:
            record["views"] = about | views(home, folder, size, console)
        if "dashboards" in wanted:
            record["dashboards"] = about | dashboards(home, folder, size, arguments.blocks, console)
    console.print(f"kept in {save('pages', record)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
