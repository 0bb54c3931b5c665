"""What every part has in common: its arguments, and its last line."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.common import machine, save


class Goal(NamedTuple):
    """What a figure has to be, in words, and whether it is."""

    said: str
    reached: bool


@dataclass
class Part:
    """One run of a part. On a CPU it runs small: that it runs at all is what it shows there."""

    name: str
    device: str
    minutes: float
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def asked(cls, name: str) -> Part:
        """From the command line."""
        parser = argparse.ArgumentParser(description=f"The part {name} of benchmarks/gpu/check.py, which starts it.")
        parser.add_argument("--device", default="cpu")
        parser.add_argument("--minutes", type=float, default=5.0)
        arguments = parser.parse_args()
        return cls(name, arguments.device, arguments.minutes)

    @property
    def is_small(self) -> bool:
        """Whether there is no card."""
        return not self.device.startswith("cuda")

    @property
    def left(self) -> float:
        """Seconds until the time of the part is up, less what it takes to end."""
        return 60 * self.minutes - 15 - (time.monotonic() - self.began)

    def end(self, figures: dict[str, Any], goals: Sequence[Goal] = (), broken: Sequence[str] = ()) -> int:
        """Prints the line, and keeps the figures of a card. What is `broken` fails anywhere, goals count on a card."""
        missed = [goal.said for goal in goals if not goal.reached]
        verdict = "failed" if broken else "small" if self.is_small else "missed" if missed else "passed"
        told: dict[str, Any] = {"verdict": verdict, **figures}
        if broken:
            told["reason"] = "; ".join(broken)
        if missed and not self.is_small:
            told["missed"] = missed
        if not self.is_small:
            import torch

            told["card"] = torch.cuda.get_device_name(self.device)
            save(f"gpu-{self.name}", {"machine": machine() | {"card": told["card"]}, **told})
        print(json.dumps(told, ensure_ascii=False), flush=True)
        return 0
