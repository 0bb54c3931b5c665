"""All tests that are marked gpu, each engine against float32 on the CPU, and the whole loop in processes.

On a CPU the tests of a card are left out, and it is the loop that is run: labels from a tool in memory, a job that is a
process, the gate, the swap, suggestions.
"""

from __future__ import annotations

import re
import subprocess
import sys

from benchmarks.gpu.parts.report import Part

LOOP = "tests/backend/test_toy_kind.py"


def main() -> int:
    """pytest, and what it counted."""
    part = Part.asked("tests")
    figures, broken = {}, []
    chosen = {"loop": [LOOP]} if part.is_small else {"marked": ["-m", "gpu", "tests"], "loop": [LOOP]}
    for name, arguments in chosen.items():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(part.left, 1))
        counted = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
        figures |= {f"{name}_{word}": number for word, number in counted.items()}
        if done.returncode or not counted.get("passed"):
            broken.append(f"{name}: {done.stdout[-1500:]}{done.stderr[-500:]}")
    return part.end(figures, broken=broken)


if __name__ == "__main__":
    sys.exit(main())
