"""A process of ours on this machine that computes beside what people wait for: its environment and its priority."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TAIL = 20_000  # bytes of a log


def environment(threads: int | None, *, hub: bool, withheld: tuple[str, ...]) -> dict[str, str]:
    """This process's variables, less those whose names begin with one of `withheld`, and what makes it compute well.

    `threads` limits what it computes with; `hub` lets it reach a model hub.
    """
    found = {name: value for name, value in os.environ.items() if not name.startswith(withheld)}
    found["PYTHONUNBUFFERED"] = "1"
    found["TOKENIZERS_PARALLELISM"] = "false"
    # a thread that waits for the others would spin: where a core is wanted elsewhere too, eight times as slow
    found.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            found[name] = str(threads)
    if not hub:
        found["HF_HUB_OFFLINE"] = found["TRANSFORMERS_OFFLINE"] = "1"
    return found


def lower(leader: int, niceness: int) -> None:
    """A low priority for a session that has just begun, by its first process.

    Set from here, for it needs no code between fork and exec, which threads make unsafe. Linux shares time among
    sessions before it heeds the niceness of processes (sched(7), autogroups), and a job is a session of its own.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PGRP, leader, niceness)
    with contextlib.suppress(OSError):  # not Linux, or a kernel without them
        Path(f"/proc/{leader}/autogroup").write_text(str(niceness), encoding="ascii")


def first_to_go(process: int) -> None:
    """Has the kernel end it before anything else where memory runs out: what is served is worth more (proc(5))."""
    with contextlib.suppress(OSError):  # not Linux
        Path(f"/proc/{process}/oom_score_adj").write_text("1000", encoding="ascii")


def tail(log: Path) -> str:
    """The end of what a process wrote; empty where there is nothing."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
