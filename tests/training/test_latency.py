"""How long a text takes: which texts are timed, which pass counts, and when a graph is written for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from labelwheel.training import batches, encoders, latency
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.onnx_export import graph
from labelwheel.training.spec import Serving
from tests.training.models import choice, tiny_bert


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    asked = choice()
    return encoders.load(str(tiny_bert(tmp_path_factory.mktemp("base"))), kind_of(asked).config(asked))


def texts(*lengths: int) -> list[Encoding]:
    return [Encoding(place, [101, *[2000] * (length - 2), 102]) for place, length in enumerate(lengths)]


def clock(*milliseconds: float) -> Callable[[], float]:
    """Passes take so long in turn, for ever."""
    now, step = 0.0, itertools.cycle(milliseconds)
    starts = itertools.cycle([True, False])

    def tell() -> float:
        nonlocal now
        if not next(starts):
            now += next(step) / 1000
        return now

    return tell


def test_a_middling_and_a_long_text_are_timed_and_the_least_pass_counts(
    model: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, int]] = []
    real = batches.forward

    def forward(module: Any, rows: Sequence[Encoding], *more: Any) -> Any:
        read.append((len(rows[0].input_ids), torch.get_num_threads()))
        return real(module, rows, *more)

    monkeypatch.setattr(batches, "forward", forward)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    set_to: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    given = texts(*range(4, 44), *[12] * 60)
    # five passes of each: the least of the first five is 3, of the others 6
    found = latency.measure(*model, given, Serving(max_ms=10), True, clock(9, 3, 5, 7, 4, 6, 8, 8, 6, 9))
    assert (found.short, found.long) == (pytest.approx(3), pytest.approx(6))
    assert found.tokens == (12, 39)
    assert [length for length, _ in read] == [12] * 6 + [39] * 6
    assert set_to == [1, 3]
    assert str(found) == "6.0 ms for 39 tokens, 3.0 ms for 12 (the weights on one core)"


@pytest.mark.parametrize(
    ("limit", "times", "wish", "how"),
    [
        (10, [9], True, "the weights on one core"),
        (8, [9] * 10 + [7], True, "its graph on one core"),
        (8, [9] * 10 + [9] * 10 + [2], True, "its graph in int8 on one core"),
        (8, [9] * 10 + [12], True, "the weights on one core"),
        (8, [9] * 10 + [7], False, "the weights on one core"),
    ],
)
def test_the_graph_is_timed_where_the_weights_are_too_slow(
    model: tuple[Any, Any], limit: float, times: list[float], wish: bool, how: str
) -> None:
    before = encoders.digest(model[0])
    ticks = itertools.chain(times, itertools.repeat(times[-1]))
    found = latency.measure(*model, texts(5, 6, 7), Serving(max_ms=limit), wish, clock(*itertools.islice(ticks, 60)))
    assert found.how == how
    assert found.int8 is ("int8" in how)
    assert encoders.digest(model[0]) == before


def test_serving_by_torch_has_no_graph(model: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "export", lambda *_: pytest.fail("a graph"))
    found = latency.measure(*model, texts(5), Serving(max_ms=1, graph=False), True, clock(9))
    assert found.long == pytest.approx(9)


def test_where_no_graph_can_be_made_the_weights_are_what_is_served(
    model: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(module: Any, path: Path) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(graph, "export", broken)
    assert latency.measure(*model, texts(5), Serving(max_ms=1), True, clock(9)).how == "the weights on one core"
