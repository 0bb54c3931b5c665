"""Which base model is tuned under a limit, and the line that people read where it is not the one they asked for."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.training import serving_limit
from labelwheel.training.base_model import Base
from labelwheel.training.checkpoints.checkpoint import Artefact
from labelwheel.training.latency import Latency, Probe
from labelwheel.training.spec import Serving
from tests.training.models import choice, example, tiny_bert

LIMIT = Serving(max_ms=10)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tiny_bert(tmp_path_factory.mktemp("large"), hidden_size=48, num_hidden_layers=4)
    return Base.load(str(folder), choice(), 32, "cpu")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return Base.load(str(tiny_bert(tmp_path_factory.mktemp("small"))), choice(), 32, "cpu")


def taking(**milliseconds: float) -> tuple[Probe, list[list[int]]]:
    """By the width of a model; also what it was given."""
    seen: list[list[int]] = []

    def probe(module, tokenizer, texts, serving, graph):
        seen.append([len(text.input_ids) for text in texts])
        took = milliseconds["large" if module.config.hidden_size == 48 else "small"]
        return Latency(took / 2, took, (5, 9), "said so")

    return probe, seen


def test_a_base_model_that_keeps_the_limit_stays_and_no_other_is_loaded(large: Base) -> None:
    probe, seen = taking(large=10)
    examples = [example("will it rain"), example("play some jazz please")]
    found = serving_limit.keep(LIMIT, large, lambda: pytest.fail("it is not needed"), examples, True, probe)
    assert found == serving_limit.Served()
    assert seen == [[5, 6]]


def test_one_that_is_too_slow_gives_way_to_the_small_one(large: Base, small: Base) -> None:
    probe, _ = taking(large=40, small=4)
    found = serving_limit.keep(LIMIT, large, lambda: small, [example("will it rain")], True, probe)
    assert found.instead is small
    assert found.settings == {
        "serve_max_ms": 10, "serve_ms": 4, "instead_of": large.name, "instead_of_ms": 40, "timed": "said so"
    }  # fmt: skip
    assert found.told is not None
    assert "40.0 ms for 9 tokens" in found.told
    assert "is served in its place" in found.told
    assert "\n" not in found.told


@pytest.mark.parametrize(
    ("times", "served", "said"),
    [
        ({"large": 40, "small": 20}, True, "does not keep it (20.0 ms"),
        ({"large": 40, "small": 40}, False, "is not faster"),
    ],
)
def test_where_neither_keeps_it_a_line_says_what_to_do(
    large: Base, small: Base, times: dict[str, float], served: bool, said: str
) -> None:
    probe, _ = taking(**times)
    found = serving_limit.keep(LIMIT, large, lambda: small, [example("will it rain")], True, probe)
    assert (found.instead is small) is served
    assert found.told is not None
    assert said in found.told
    assert found.told.endswith(
        "raise LABELWHEEL_SERVE_MAX_MS, lower LABELWHEEL_MAX_LENGTH, or serve on a faster device"
    )


def test_a_folder_with_the_small_model_is_that_model(small: Base) -> None:
    again = Base.load(small.name, choice(), 32, "cpu")
    probe, seen = taking(small=40)
    found = serving_limit.keep(LIMIT, again, lambda: small, [example("will it rain")], True, probe)
    assert found.instead is None
    assert found.told is not None
    assert "the smallest base model there is" in found.told
    assert len(seen) == 1


def test_before_there_is_a_text_one_is_made_up(large: Base) -> None:
    probe, seen = taking(large=1)
    serving_limit.keep(LIMIT, large, lambda: pytest.fail("it is not needed"), [], True, probe)
    (lengths,) = seen
    assert len(lengths) == 3
    assert lengths[-1] > lengths[0]


@pytest.mark.parametrize(
    ("int8", "precision", "lines"),
    [(True, "int8", 0), (True, "fp32", 1), (True, None, 1), (False, "fp32", 0), (False, None, 0)],
)
@pytest.mark.parametrize("times", [{"large": 4}, {"large": 40, "small": 4}])
def test_what_int8_alone_keeps_is_looked_at_again_when_the_graph_is_made(
    large: Base, small: Base, times: dict[str, float], int8: bool, precision: Any, lines: int
) -> None:
    probe, _ = taking(**times)
    wish = [example("will it rain")]
    found = serving_limit.keep(LIMIT, large, lambda: small, wish, True, lambda *some: probe(*some)._replace(int8=int8))
    entry = None if precision is None else Artefact(graph="g", head="h", precision=precision)
    told = serving_limit.unkept(found, entry)
    assert len(told) == lines
    assert all("in int8 alone" in line for line in told)
