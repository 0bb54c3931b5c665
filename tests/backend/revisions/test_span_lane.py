"""The fast lane for spans: from labels to what the predictor answers, within bounds, and never on what was learnt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from labelwheel.backend.database.tables import HeadRow, Revision
from labelwheel.backend.errors import TooLarge
from labelwheel.backend.projects import champion_groups, generations, projects
from labelwheel.backend.revisions import seen_tokens, span_measurement
from labelwheel.backend.revisions.fast_lane import FastLane
from labelwheel.backend.revisions.features import Champion, pack_features
from labelwheel.backend.revisions.seen_tokens import SeenTokens
from labelwheel.backend.revisions.span_measurement import SeenSpans
from labelwheel.backend.serving import predictor as serving
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.loading import Probes
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.serving.revised import revise
from labelwheel.plugins.testing.fake_tool import PLACES
from labelwheel.training.heads.words import words
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.spec import LabelledExample, Part
from tests.backend.serving.fakes import FakeEngine
from tests.backend.world import World

KIND, WIDTH = kind_of(PLACES), 4
LABELS = tuple(KIND.config(PLACES)["id2label"].values())
CITIES = ["Oslo", "Rome", "New York", "Lima", "Cairo", "Quito", "Bern", "San Marino", "Riga", "Perth"]
UNSEEN = ["Turin", "Dakar", "Sofia", "Los Altos", "Hanoi", "Minsk", "Accra", "Kyoto"]


class TokenEncoder:
    """Hears capitals, in each layer; its rows are one token for each word."""

    size, name, tokens, computing = 0, "tokens", True, {}

    def __init__(self, layers: int) -> None:
        self._layers = layers

    @property
    def layered(self) -> TokenEncoder:
        return TokenEncoder(3)

    def rehearsals(self) -> tuple[()]:
        return ()

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        found = []
        for row in encodings:
            ids = np.asarray(row.input_ids)
            noise = np.random.default_rng(len(ids)).normal(scale=0.1, size=(len(ids), (1 + self._layers) * WIDTH))
            noise[:, WIDTH:] += (ids == 2)[:, None]
            found.append(noise.astype(np.float32))
        return found


class TokenModel:
    """A champion that never finds anything."""

    reading, width, labels, question = "words", WIDTH, LABELS, PLACES

    def __init__(self, version: str = "v1") -> None:
        self.version, self.encoder = version, TokenEncoder(0)
        self.manifest: Any = SimpleNamespace(version=version, recipe="auto", calibration={})

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        rows = []
        for place, each in enumerate(examples):
            text = question.text(each)
            if ranges := words(text):
                ids = [0, *(1 + text[start].isupper() for start, _ in ranges), 0]
                rows.append(Encoding(place, ids, 0, [(0, 0), *ranges, (0, 0)]))
        return rows

    def head(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.tile(np.float32([9.0, 0.0, 0.0]), (len(rows), 1)) for rows in features]

    def decode(self, question: Question, examples: Any, encodings: Any, logits: Any) -> list[Prediction]:
        return KIND.decode(question, examples, encodings, logits, dict(enumerate(LABELS)), {})


def packed(predictor: Predictor, model: TokenModel, examples: Sequence[Example]) -> bytes:
    """As the route does it."""
    read = predictor.features(ServedQuestion(PLACES, model), examples, 10.0)
    champion = Champion(model.version, "auto", model.labels, {}, model.width)
    return pack_features(champion, read.encodings, read.features, read.logits, read.answers)


class Source:
    """A web process with that champion."""

    def __init__(self, predictor: Predictor, version: Callable[[], str]) -> None:
        self._predictor, self._version, self.asked = predictor, version, list[list[str]]()

    def features(self, number: int, question: str, examples: list[dict[str, Any]]) -> bytes:
        self.asked.append([each["key"] for each in examples])
        read = [Example.model_validate(each) for each in examples]
        return packed(self._predictor, TokenModel(self._version()), read)


@pytest.fixture
def predictor() -> Iterator[Predictor]:
    queue = InferenceQueue(FakeEngine(), limit=2000)
    yield Predictor(queue, AnswerCache(size=100))
    queue.close()


def said(text: str) -> list[dict[str, Any]]:
    found = [(text.find(city), city) for city in (*CITIES, *UNSEEN) if f" {city}" in text]
    return [{"start": at, "end": at + len(city), "label": "city"} for at, city in sorted(found)]


def texts(count: int, cities: Sequence[str] = CITIES) -> list[str]:
    forms = ("Yesterday we met in {} for lunch", "They moved to {} and stayed", "Nobody was there at all, number {}")
    found = []
    for number in range(count):
        form = forms[number % len(forms)]
        found.append(
            form.format(number if "number" in form else cities[number % len(cities)]) + f", it is said {number}"
        )
    return found


def seen(count: int, fresh: bool, predictor: Predictor, part: Part = Part.TRAIN) -> list[SeenSpans]:
    examples = [Example(key=f"{part}{number}", fields={"text": text}) for number, text in enumerate(texts(count))]
    known = SeenTokens(Source(predictor, lambda: "v1"), 1, PLACES, "v1")
    while lacking := known.lacking(examples):
        assert known.fetch(lacking)
    found = []
    for each in examples:
        answer, tokens = said(each.fields["text"]), known.of(each)
        assert tokens is not None
        row = LabelledExample(example=each, answer=answer, part=part, group=each.key, fresh=fresh)
        found.append(SeenSpans(row, tokens))
    return found


def revision(world: World) -> Revision | None:
    with world.database.session() as session:
        return generations.revision(session, projects.get(session, 1))


def until(lane: FastLane, world: World, done: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, world.decisions[-3:]
        if lane.step():
            time.sleep(0.02)


def test_labels_bring_spans_that_the_champion_does_not_find(world: World, predictor: Predictor) -> None:
    world.settings = world.settings.model_copy(update={"first_round": 1000})
    keys = world.tool.add(*texts(40))
    world.connect()
    world.settle()

    def label(some: Sequence[str]) -> None:
        for key in some:
            world.tool.submit(key, {"places": said(world.tool.examples[key].fields["text"])})
        world.turns(8)

    label(keys[:12])
    world.order("places")
    world.until(lambda: world.question("places").champion_id is not None)
    world.settle()
    world.launcher.automatic = None  # the next round takes as long as this test

    def version() -> str:
        with world.database.session() as session:
            row = projects.question(session, 1, "places")
            return champion_groups.checkpoints(session, row)[0].version

    lane = FastLane(world.hold, 1, Source(predictor, version))
    label(keys[12:38])
    until(lane, world, lambda: revision(world) is not None)
    assert ("places", "revised") in [line[:2] for line in world.decisions]
    found = revision(world)
    assert found is not None
    for key in keys[38:40]:  # and each further label another
        before = revision(world)
        assert before is not None
        label([key])
        until(lane, world, lambda before=before: (revision(world) or before).name != before.name)
    found = revision(world)
    assert found is not None
    with world.database.session() as session:
        content = session.get_one(HeadRow, found.members["places"]).content
    champion = TokenModel(version())
    newer = revise(champion, PLACES, "head-1", content, Probes(predictor._queue))
    fresh = [Example(key=str(place), fields={"text": text}) for place, text in enumerate(texts(24, UNSEEN))]
    scores = []
    for model in (champion, newer):
        answers = predictor.suggest({"places": ServedQuestion(PLACES, model)}, fresh)
        pairs = zip(fresh, answers, strict=True)
        gold = [KIND.score(PLACES, one, said(one.fields["text"]), answer["places"]) for one, answer in pairs]
        scores.append(KIND.headline(gold))
    assert scores[0] == 0.0
    assert scores[1] > 0.8
    [found_one] = predictor.suggest({"places": ServedQuestion(PLACES, newer)}, fresh[:1])
    assert len(found_one["places"].item_scores) == len(found_one["places"].answer) == 1
    assert 0 < found_one["places"].score <= 1
    lane.close()


def test_what_the_champion_has_learnt_from_says_nothing_about_a_head(predictor: Predictor) -> None:
    champion = Champion("v1", "auto", LABELS, {}, WIDTH)
    learnt = seen(30, False, predictor)
    nothing = span_measurement.take(PLACES, learnt, champion, False, 30)
    assert not nothing.verdict.passes
    assert nothing.verdict.examples == 0
    held = seen(12, False, predictor, Part.HELD_OUT)
    found = span_measurement.take(PLACES, [*learnt, *held], champion, False, 42)
    assert found.verdict.passes
    assert found.verdict.examples == 12


def test_a_champion_that_finds_all_keeps_its_place(predictor: Predictor) -> None:
    champion, rows = Champion("v1", "auto", LABELS, {}, WIDTH), []
    for one in seen(30, True, predictor):
        right = Prediction(answer=one.row.answer, score=1.0, item_scores=(1.0,) * len(one.row.answer))
        rows.append(SeenSpans(one.row, one.said._replace(answer=right)))
    assert not span_measurement.take(PLACES, rows, champion, False, 30).verdict.passes


def test_tokens_in_memory_and_in_a_request_are_bounded(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [Example(key=str(place), fields={"text": text}) for place, text in enumerate(texts(40))]
    long = Example(key="long", fields={"text": "word " * 2000})
    monkeypatch.setattr(seen_tokens, "_CHARACTERS", 400)
    source = Source(predictor, lambda: "v1")
    known = SeenTokens(source, 1, PLACES, "v1")
    while lacking := known.lacking([long, *examples]):
        assert known.fetch(lacking)
    assert known.of(long) is None
    assert all("long" not in keys and 1 < len(keys) < 12 for keys in source.asked)
    [one] = [known.of(examples[0])]
    assert one is not None
    assert (one.features[0].dtype, one.features[0].shape[1]) == (np.float16, 3 * WIDTH)
    narrow = SeenTokens(source, 1, PLACES, "v1")
    narrow.room = 8 * one.bytes
    while lacking := narrow.lacking(examples):
        assert narrow.fetch(lacking)
    left = [place for place, each in enumerate(examples) if narrow.of(each) is not None]
    assert 4 <= len(left) <= 12
    assert left[-1] == 39, "what came last stays"
    assert not SeenTokens(source, 1, PLACES, "v2").fetch(examples), "another champion answers"


def test_features_of_too_many_tokens_are_refused(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TOKENS", 20)
    examples = [Example(key=str(place), fields={"text": text}) for place, text in enumerate(texts(4))]
    with pytest.raises(TooLarge, match="fewer examples"):
        packed(predictor, TokenModel(), examples)
    assert packed(predictor, TokenModel(), examples[:1])
