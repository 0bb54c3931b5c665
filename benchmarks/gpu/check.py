"""Everything that is meant for a GPU, run on one that has nothing else: no make, no venv, no network, no root.

    python3 benchmarks/gpu/check.py [--bundle FOLDER] [--part NAME] [--minutes M] [--device cuda]

`make gpu-bundle` writes the folder, with what an image for training lacks; without one, this Python's packages have to
do. Each part is a process of its own, ends within its minutes, and prints a line of JSON. Its verdict is `passed`,
`missed` (a goal, which the line names), `small` (passed on a CPU, where goals say nothing), or `failed`, with the
reason. Only the standard library is imported here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("tests", "train", "serve", "swap", "share", "memory")
MINUTES = 5.0
_SEES_A_CARD = "import torch; print('cuda' if torch.cuda.is_available() else 'cpu')"


@contextmanager
def environment(bundle: Path | None) -> Iterator[dict[str, str]]:
    """The environment of the parts: the repository as `labelwheel`, the bundle's wheels unpacked, and no model hub."""
    with tempfile.TemporaryDirectory(prefix="labelwheel-check-") as scratch:
        site, link = Path(scratch) / "site", Path(scratch) / "packages" / "labelwheel"
        site.mkdir()
        link.parent.mkdir()
        link.symlink_to(ROOT)
        path = [str(link.parent), str(ROOT)]
        found = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        if bundle is not None:
            for wheel in sorted((bundle / "wheels").glob("*.whl")):
                with zipfile.ZipFile(wheel) as packed:
                    packed.extractall(site)
            path += [str(bundle / "site"), str(site)]
            found["LABELWHEEL_DATA"] = str(bundle / "data")
        found["PYTHONPATH"] = os.pathsep.join([*path, *filter(None, [os.environ.get("PYTHONPATH")])])
        yield found


def run(part: str, device: str, minutes: float, found: dict[str, str]) -> dict[str, object]:
    """One part, and what it said last; whatever it does, there is an answer."""
    began = time.monotonic()
    module = f"benchmarks.gpu.parts.{part}"
    command = [sys.executable, "-m", module, "--device", device, "--minutes", str(minutes)]
    record: dict[str, object] = {"part": part, "device": device}
    child = subprocess.Popen(
        command, cwd=ROOT, env=found, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        said, complained = child.communicate(timeout=60 * minutes)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        child.communicate()
        return record | {"verdict": "failed", "reason": f"it did not end within {minutes:g} minutes"}
    lines = [line for line in said.splitlines() if line.startswith("{")]
    if child.returncode or not lines:
        reason = (complained.strip() or said.strip() or "it said nothing")[-2000:]
        return record | {"verdict": "failed", "reason": reason}
    return record | {"seconds": round(time.monotonic() - began, 1)} | json.loads(lines[-1])


def main() -> int:
    """A line for each part; 1 where one failed or missed a goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="the folder that `make gpu-bundle` has written")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; may be given again")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for each part")
    parser.add_argument("--device", help="cuda, cuda:1 or cpu; the card, if not given, where torch sees one")
    arguments = parser.parse_args()
    if arguments.bundle is not None and not (arguments.bundle / "wheels").is_dir():
        parser.error(f"{arguments.bundle} is no bundle: it has no wheels; write one with `make gpu-bundle`")
    verdicts = []
    with environment(arguments.bundle and arguments.bundle.resolve()) as found:
        device = arguments.device
        if device is None:
            asked = subprocess.run([sys.executable, "-c", _SEES_A_CARD], env=found, text=True, capture_output=True)
            device = asked.stdout.strip() or "cpu"
        for part in arguments.part or PARTS:
            record = run(part, device, arguments.minutes, found)
            print(json.dumps(record, ensure_ascii=False), flush=True)
            verdicts.append(record["verdict"])
    return int(any(verdict not in ("passed", "small") for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
