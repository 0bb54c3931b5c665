"""Explanations come from what is served, beside the nearest labels, and nobody waits for them."""

import threading
import time
import unittest.mock

import pytest

from labelwheel.backend.errors import NotFound, Overloaded, TooLarge
from labelwheel.backend.serving import influences
from labelwheel.backend.serving.engines.onnx import OnnxEngine
from labelwheel.backend.serving.explaining import IDLE_BATCH, QUIET_SECONDS, Explainer
from labelwheel.backend.serving.known_reasons import KnownReasons
from labelwheel.backend.serving.nearest import NearestLabels, nearest
from labelwheel.backend.serving.predictor import ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question
from labelwheel.training.spec import LabelledExample, Part
from tests.backend import real
from tests.backend.serving.fakes import FakeEngine, question, write_checkpoint


def labelled(key: str, text: str, answer: str) -> LabelledExample:
    return LabelledExample(example=Example(key=key, fields={"text": text}), answer=answer, part=Part.TRAIN, group=key)


LABELS = [
    labelled("1", "the parcel never came", "parcel lost"),
    labelled("2", "my card was refused", "card blocked"),
    labelled("3", "what a wonderful shop", "praise"),
    labelled("4", "where is my package?", "parcel lost"),
    labelled("5", "", "praise"),
]


@pytest.fixture(scope="module")
def served():
    engine = OnnxEngine(cores=1)
    queue = InferenceQueue(engine)
    yield queue, ServedQuestion(real.TOPIC, engine.load(real.store() / "n1"))
    queue.close()


def text(words: str, key: str = "9") -> Example:
    return Example(key=key, fields={"text": words})


def test_a_real_checkpoint_in_int8_is_explained_with_its_nearest_labels(served):
    queue, member = served
    explainer = Explainer(queue, lambda project, name: LABELS, 1000, {}, KnownReasons())
    found = explainer.explain(1, member, "g1", text("yesterday evening my parcel got lost on its way to us"))
    said = found.explanation
    assert (found.version, said.prediction.answer) == ("g1", "parcel lost")
    marked = {said.words[place].text for place in said.carried[0].marked}
    assert marked & {"parcel", "lost"}
    nearest = [one.row.example.key for one in found.neighbours.nearest]
    assert (set(nearest[:2]), len(nearest), found.neighbours.among) == ({"1", "4"}, 3, 4)
    likeness = [one.likeness for one in found.neighbours.nearest]
    assert likeness == sorted(likeness, reverse=True)


def test_an_example_is_not_its_own_neighbour_and_is_like_its_copy(served):
    queue, member = served
    labels = NearestLabels(queue, lambda project, name: LABELS, 1000)
    found = nearest(labels.compare(1, member, text("the parcel never came", key="1"), deadline()))
    assert "1" not in [one.row.example.key for one in found.nearest]
    copy = nearest(labels.compare(1, member, text("the parcel never came"), deadline()))
    assert copy.nearest[0].row.example.key == "1"
    assert copy.nearest[0].likeness == pytest.approx(1.0, abs=1e-3)


def test_the_labels_that_moved_an_answer_are_told_and_learnt_from_once(served, monkeypatch):
    queue, member = served
    lost, refused = (
        ("the parcel {} never came", "where is my parcel {}"),
        ("card {} was refused", "my card {} is blocked"),
    )
    told = [(text.format(word), answer) for word in ("blue", "old", "second")
            for texts, answer in ((lost, "parcel lost"), (refused, "card blocked")) for text in texts]  # fmt: skip
    labels = [labelled(str(place), *one) for place, one in enumerate(told)]
    fitted = unittest.mock.Mock(side_effect=influences.Representers)
    monkeypatch.setattr(influences, "Representers", fitted)
    explainer = Explainer(queue, lambda project, name: labels, 1000, {}, KnownReasons())
    for words in ("yesterday my parcel got lost", "the parcel got lost"):
        found = explainer.explain(1, member, "g1", text(words)).influences
        towards = [one.row.answer for one in found.labels if one.share > 0]
        assert (towards, found.unsaid) == (["parcel lost"] * 3, None)
        assert {one.row.answer for one in found.labels if one.share < 0} <= {"card blocked"}
    assert fitted.call_count == 1
    labels[0] = labelled("0", "the parcel blue never came", "praise")
    explainer.explain(1, member, "g1", text("the parcel got lost"))
    assert fitted.call_count == 2
    few = Explainer(queue, lambda project, name: LABELS, 1000, {}, KnownReasons())
    assert "fewer than 10" in str(few.explain(1, member, "g1", text("the parcel got lost")).influences.unsaid)


def test_where_no_regression_tells_of_labels_it_is_said_why():
    spans = Question(name="places", kind=Kind.SPANS, inputs=("text",), options=(Option(value="city"),))
    said = Prediction(answer=[{"start": 0, "end": 4, "label": "city"}], score=0.9, item_scores=[0.9])
    found = influences.InfluentialLabels().of(unittest.mock.Mock(question=spans), None, said)
    assert (list(found.labels), found.unsaid) == ([], "which labels moved an answer cannot be said of the kind spans")


def deadline() -> float:
    return time.monotonic() + 60


class Fake:
    """An engine that answers at once, unless it is held up."""

    def __init__(self, tmp_path):
        self.engine = FakeEngine()
        self.queue = InferenceQueue(self.engine)
        model = self.engine.load(write_checkpoint(tmp_path / "v1", "v1"))
        self.member = ServedQuestion(question(), model)


@pytest.fixture
def fake(tmp_path):
    fake = Fake(tmp_path)
    yield fake
    fake.queue.close()


def test_what_was_read_of_labels_is_read_once(fake):
    labels = NearestLabels(fake.queue, lambda project, name: LABELS, 1000)
    labels.compare(1, fake.member, text("hello"), deadline())
    before = sum(rows for _, rows in fake.engine.batches)
    labels.compare(1, fake.member, text("hello"), deadline())
    assert sum(rows for _, rows in fake.engine.batches) == before == 5


def test_without_features_there_are_no_neighbours(fake):
    fake.member.model.width = None
    labels = NearestLabels(fake.queue, lambda project, name: LABELS, 1000)
    found = nearest(labels.compare(1, fake.member, text("hello"), deadline()))
    assert (list(found.nearest), found.among) == ([], 0)


def test_one_answer_is_explained_at_a_time(fake):
    begun, go_on = threading.Event(), threading.Event()

    def slow(project, name):
        begun.set()
        go_on.wait(10)
        return []

    explainer = Explainer(fake.queue, slow, 1000, {}, KnownReasons())
    other = threading.Thread(target=explainer.explain, args=(1, fake.member, "g1", text("hello")))
    other.start()
    try:
        assert begun.wait(10)
        with pytest.raises(Overloaded, match="another answer"):
            explainer.explain(1, fake.member, "g1", text("hello"))
    finally:
        go_on.set()
        other.join()
    explainer.explain(1, fake.member, "g1", text("hello"))


def test_what_cannot_be_read_is_refused(fake):
    explainer = Explainer(fake.queue, lambda project, name: [], 20, {}, KnownReasons())
    with pytest.raises(NotFound, match="no text"):
        explainer.explain(1, fake.member, "g1", text(" "))
    with pytest.raises(TooLarge, match="LABELWHEEL_MAX_CHARACTERS=20"):
        explainer.explain(1, fake.member, "g1", text("word " * 5))


def test_one_text_of_two_that_are_compared_is_too_little(fake):
    """ "Nothing is suggested" was all that people were told."""
    better = Question(name="better", kind=Kind.PAIRWISE, inputs=("first", "second"))
    explainer = Explainer(fake.queue, lambda project, name: [], 100, {}, KnownReasons())
    member = ServedQuestion(better, fake.member.model)
    with pytest.raises(NotFound, match="'better' is asked about 'first' and 'second', and there is no 'second'"):
        explainer.explain(1, member, "g1", Example(key="9", fields={"first": "this one"}))


def test_what_is_hidden_is_not_explained(fake):
    explainer = Explainer(fake.queue, lambda project, name: [], 1000, {"choice": 0.5}, KnownReasons())
    found = explainer.explain(1, fake.member, "g1", text("hello there"))
    assert (found.explanation.prediction.answer, list(found.explanation.carried)) == (None, [])


def test_in_idle_time_it_is_given_up_when_somebody_asks(fake, monkeypatch):
    labels = unittest.mock.Mock(return_value=LABELS)
    explainer = Explainer(fake.queue, labels, 1000, {}, KnownReasons())
    long = text(" ".join(f"word{number}" for number in range(40)))
    found = explainer.explain(1, fake.member, "g1", long, idle=True)
    assert len(found.explanation.words) == 40
    assert (found.neighbours.among, labels.call_count) == (0, 0)
    assert max(rows for _, rows in fake.engine.batches) <= IDLE_BATCH, "a suggestion waits for few of them"

    other = text(" ".join(f"word{number}" for number in range(40, 80)))
    fake.engine.batches.clear()
    asked = iter([0.0] * 6)  # looked at twice for each answer
    monkeypatch.setattr(InferenceQueue, "asked", property(lambda _: next(asked, time.monotonic() + 60)))
    with pytest.raises(Overloaded, match="people ask"):
        explainer.explain(1, fake.member, "g1", other, idle=True)
    assert len(fake.engine.batches) == 3
    monkeypatch.setattr(InferenceQueue, "asked", property(lambda _: time.monotonic() + 60))
    explainer.explain(1, fake.member, "g1", other)  # somebody waits for this one


class Clock:
    """Time that stands still until it is told, and when somebody asked last."""

    def __init__(self, monkeypatch):
        self.now, self.asked = 100.0, 100.0
        monkeypatch.setattr(InferenceQueue, "asked", property(lambda _: self.asked))

    def __call__(self):
        return self.now


def test_nothing_is_explained_ahead_before_a_quiet_moment_and_no_person_waits_for_one(fake, monkeypatch):
    clock = Clock(monkeypatch)
    explainer = Explainer(fake.queue, lambda project, name: [], 1000, {}, KnownReasons(), clock)
    for later in (0.0, 0.9 * QUIET_SECONDS):
        clock.now = clock.asked + later
        with pytest.raises(Overloaded, match="people ask"):
            explainer.explain(1, fake.member, "g1", text("hello there"), idle=True)
    assert fake.engine.batches == []
    assert explainer.explain(1, fake.member, "g1", text("hello there")).version == "g1"
    clock.now = clock.asked + QUIET_SECONDS
    assert explainer.explain(1, fake.member, "g1", text("hello there"), idle=True).version == "g1"


def test_an_explanation_ends_though_no_quiet_moment_is_long_enough_for_it(fake, monkeypatch):
    clock = Clock(monkeypatch)

    def somebody_asks(*batch):
        if len(fake.engine.batches) - before >= 3:
            clock.asked = clock.now

    explainer = Explainer(fake.queue, lambda project, name: [], 1000, {}, KnownReasons(), clock)
    fake.queue._on_batch = somebody_asks
    long, given_up, found = text(" ".join(f"word{number}" for number in range(12))), 0, None
    while found is None:
        clock.now += QUIET_SECONDS
        before = len(fake.engine.batches)
        try:
            found = explainer.explain(1, fake.member, "g1", long, idle=True)
        except Overloaded:
            given_up += 1
            assert len(fake.engine.batches) == before + 3, "it goes on where it was"
    assert given_up > 2


def test_in_idle_time_it_makes_room_for_one_that_somebody_waits_for(fake, monkeypatch):
    explainer = Explainer(fake.queue, lambda project, name: [], 1000, {}, KnownReasons())
    begun, refused = threading.Event(), []

    def ahead():
        try:
            explainer.explain(1, fake.member, "g1", text(" ".join(f"word{n}" for n in range(40))), idle=True)
        except Overloaded as error:
            refused.append(str(error))

    def looked_at(queue):
        begun.set()
        return time.sleep(0.05) or 0.0

    monkeypatch.setattr(InferenceQueue, "asked", property(looked_at))
    other = threading.Thread(target=ahead)
    other.start()
    assert begun.wait(10)
    assert explainer.explain(1, fake.member, "g1", text("hello")).version == "g1"
    other.join()
    assert len(refused) == 1
