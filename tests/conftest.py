"""In which order files are tested, and what for want of a GPU or an image is not: a line at the start says so."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import sys
from pathlib import Path

import pytest

# Tests run side by side, and the threads of numerical libraries spin while they wait for a core that another has: on
# two cores some took 230 s of the processors in place of 40. It has to stand before NumPy is imported.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Tests start hundreds of processes, of which each would compile all of labelwheel anew: half a second of a processor.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tests ask for suggestions for each example; those of the blind share say so.
os.environ.setdefault("LABELWHEEL_BLIND", "0")

LOW = 10

pytest.register_assert_rewrite("labelwheel.plugins.testing")


def _gpu() -> bool:
    from labelwheel.backend.devices import gpu_in_sight
    from labelwheel.training.model import default_device

    return gpu_in_sight("auto", None) and default_device() == "cuda"


def pytest_configure() -> None:
    # As low as the training jobs that tests start, which give way to everybody else: where all cores are busy with
    # other tests, a test would wait for its job ten times as long. Set, not added to: xdist's processes come here, too.
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, max(LOW, os.getpriority(os.PRIO_PROCESS, 0)))
    # sessions come before processes, see labelwheel.training.launchers.local
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LOW), encoding="ascii")


@pytest.fixture(scope="module", autouse=True)
def what_is_imported_is_no_garbage() -> None:
    """Libraries look for garbage after each training: here among the objects of all modules of all tests, which took
    half of the seconds of some. What a test makes is looked at as ever."""
    gc.collect()
    gc.freeze()


def _absent() -> dict[str, str]:
    """The markers whose tests cannot be run here, and why."""
    absent = {}
    if not _gpu():
        absent["gpu"] = "there is no GPU here"
    if not os.environ.get("LABELWHEEL_TEST_IMAGE"):
        absent["containers"] = "LABELWHEEL_TEST_IMAGE names no image"
    return absent


def pytest_report_header() -> list[str]:
    return [f"{why}: the tests that need one (marked {name}) are deselected" for name, why in _absent().items()]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)

    def marked(marker: str) -> set[Path]:
        return {path for path, those in files.items() if any(item.get_closest_marker(marker) for item in those)}

    # Files with tests that take long come first: whoever runs side by side would wait for the last of them. In turn, as
    # those with real servers mostly wait while the others compute.
    long, waiting = marked("slow"), marked("server")
    order = sorted(files, key=lambda path: path not in long)
    turns = itertools.zip_longest(
        (path for path in order if path in waiting), (path for path in order if path not in waiting)
    )
    items[:] = [item for turn in turns for path in turn if path is not None for item in files[path]]
    absent = _absent()
    left = [item for item in items if any(item.get_closest_marker(name) for name in absent)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not any(item.get_closest_marker(name) for name in absent)]
