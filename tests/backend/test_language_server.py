"""A server of the OpenAI protocol that is not ours, over a causal model that has learnt: from job to suggestions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labelwheel.backend.rounds import language_model
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.foreign import Passing
from labelwheel.backend.settings import Settings
from labelwheel.training.language import client, endpoint
from labelwheel.training.spec import Part, Recipe
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from testkit.transformers_server import TransformersServer
from tests.backend.test_language_model import PROJECT, answered, learn
from tests.training import small_causal_model

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransformersServer]:
    folder = small_causal_model.write(tmp_path_factory.mktemp("causal"), TOPIC, labelled_texts(600, Part.TRAIN))
    with TransformersServer(folder) as found:
        yield found
    endpoint.name(None)
    client.of.cache_clear()


def test_transformers_serve_suggests_before_the_first_label_and_may_end(
    server: TransformersServer, tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path / "home", llm_url=server.api, llm_model=server.model, llm_price_in=10.0, llm_samples=3,
        llm_seconds=30.0,
    )  # fmt: skip
    learn(settings, tmp_path, "v1", [], recipe=Recipe.NAMES)
    served = ChosenEngine(device="cpu", cores=1).load(tmp_path / "v1")
    rows = labelled_texts(30, Part.HELD_OUT, seed=5)
    found = answered(served, [row.example for row in rows])
    right = [one.answer == row.answer for one, row in zip(found, rows, strict=True)]
    assert sum(right) >= 27, "it has learnt that from other texts"
    sure = {round(one.score, 6) for one in found}
    assert sure <= {0.25, 0.5, 0.75}, "it says no probabilities, and so its samples do"
    assert 0.75 in sure, "all of them agree"
    (today, _) = language_model.spent(settings)[str(PROJECT)]
    assert today.requests >= 90, "each sample is counted"
    assert today.tokens_in > 90 * 50
    assert today.money == pytest.approx(today.tokens_in * 10 / 1e6)

    server.stop()
    meanwhile = answered(served, [row.example for row in labelled_texts(3, Part.HELD_OUT, seed=6)])
    assert isinstance(meanwhile, Passing)
    assert all(one.answer in TOPIC.values for one in meanwhile), "the label names answer"
    assert "cannot be reached" in str(served.problem)
