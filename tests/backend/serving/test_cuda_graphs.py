"""The door to CUDA graphs, with torch.cuda replaced: what is called, in which order, and after a failure."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch

from labelwheel.backend.serving.engines import cuda_graphs

DEVICE = torch.device("cuda", 0)


class Cuda:
    """Notes what is done on which stream."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.now = self.main = Stream(self, "main")
        self.fails_at_end: Exception | None = None
        self.pools, self.ended = 0, []

    def graph_pool_handle(self) -> str:
        self.pools += 1
        return f"pool {self.pools}"

    def current_stream(self, device: object = None) -> Stream:
        return self.now

    def Stream(self, device: object) -> Stream:
        return Stream(self, "side")

    @contextmanager
    def stream(self, stream: Stream):
        before, self.now = self.now, stream
        try:
            yield
        finally:
            self.now = before

    def synchronize(self, device: object) -> None:
        self.done.append("synchronize")

    def CUDAGraph(self) -> Graph:
        return Graph(self)

    def run(self) -> str:
        self.done.append(f"run on {self.now.name}")
        return "output"


class Stream:
    def __init__(self, cuda: Cuda, name: str) -> None:
        self.cuda, self.name = cuda, name

    def wait_stream(self, other: Stream) -> None:
        self.cuda.done.append(f"{self.name} waits for {other.name}")


class Graph:
    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda

    def capture_begin(self, pool: str, capture_error_mode: str) -> None:
        self.cuda.done.append(f"begin on {self.cuda.now.name} in {pool}, {capture_error_mode}")

    def capture_end(self) -> None:
        self.cuda.done.append(f"end on {self.cuda.now.name}")
        if self.cuda.fails_at_end:
            raise self.cuda.fails_at_end

    def replay(self) -> None:
        self.cuda.done.append("replay")


@pytest.fixture
def cuda(monkeypatch):
    cuda = Cuda()
    for name in ("graph_pool_handle", "current_stream", "Stream", "stream", "synchronize", "CUDAGraph"):
        monkeypatch.setattr(torch.cuda, name, getattr(cuda, name))
    monkeypatch.setattr(
        torch._C, "_cuda_endAllocateToPool", lambda index, pool: cuda.ended.append((index, pool)), raising=False
    )
    monkeypatch.setattr(cuda_graphs, "_failed", [])
    cuda_graphs._side_stream.cache_clear()
    yield cuda
    cuda_graphs._side_stream.cache_clear()


def test_only_a_gpu_has_graphs():
    assert cuda_graphs.recorder(torch.device("cpu")) is None
    assert cuda_graphs.recorder(DEVICE) is not None


def test_a_pass_is_warmed_up_and_recorded_on_the_side_stream(cuda):
    found = cuda_graphs.recorder(DEVICE)(cuda.run, None)
    assert cuda.done == [
        "side waits for main", *["run on side"] * 3, "synchronize", "begin on side in pool 1, thread_local",
        "run on side", "end on side", "main waits for side",
    ]  # fmt: skip
    assert cuda.now is cuda.main
    assert (found.output, found.pool) == ("output", "pool 1")
    found.replay()
    assert cuda.done[-1] == "replay"
    assert cuda_graphs.recorder(DEVICE)(cuda.run, found.pool).pool == "pool 1"
    assert cuda.pools == 1
    assert cuda.ended == []


def test_after_a_recording_that_failed_there_is_no_other(cuda):
    cuda.fails_at_end = RuntimeError("operation would make the capture unsafe")
    record = cuda_graphs.recorder(DEVICE)
    with pytest.raises(RuntimeError, match="unsafe"):
        record(cuda.run, None)
    assert cuda.now is cuda.main
    assert cuda.ended == [(0, "pool 1")]
    done = len(cuda.done)
    with pytest.raises(RuntimeError, match="given up"):
        record(cuda.run, None)
    assert len(cuda.done) == done


def test_memory_that_ran_out_says_nothing_about_the_next_recording(cuda):
    runs = []

    def hungry():
        runs.append(1)
        if len(runs) == 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    record = cuda_graphs.recorder(DEVICE)
    with pytest.raises(torch.OutOfMemoryError):
        record(hungry, None)
    assert "end on side" in cuda.done
    assert cuda.now is cuda.main
    assert record(cuda.run, None).output == "output"
