import re
import threading
import time

import pytest

from labelwheel.backend.errors import Overloaded, TooLarge
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.pace import Pace
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.questions import Example
from tests.backend.processes.processes import until
from tests.backend.serving.fakes import FakeEngine, FakeModel, example, question


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def predictor(engine):
    queue = InferenceQueue(engine, limit=2000)
    yield Predictor(queue, AnswerCache(size=5000), max_characters=1000)
    queue.close()


def members(engine, version="v7"):
    return {"mood": ServedQuestion(question(), FakeModel(version, question(), engine))}


def test_answers_come_in_order_also_with_gaps(engine, predictor):
    class Echo(FakeModel):
        def decode(self, asked, examples, encodings, logits):
            return [
                super(Echo, self).decode(asked, [each], [0], [[float(each.fields["text"])]])[0] for each in examples
            ]

    texts = ["" if number % 7 == 0 else "x" * 1001 if number % 11 == 0 else str(number) for number in range(700)]
    asked = {"mood": ServedQuestion(question(), Echo("v1", question(), engine))}
    answers = predictor.suggest(asked, [example(text, str(place)) for place, text in enumerate(texts)])
    for text, answer in zip(texts, answers, strict=True):
        if text == "" or len(text) > 1000:
            assert answer["mood"].answer is None
        else:
            assert answer["mood"].score == pytest.approx(float(text) / 10_000)


def test_the_same_text_is_computed_once(engine, predictor):
    asked = members(engine)
    first = predictor.suggest(asked, [example("same")])
    assert predictor.suggest(asked, [example("same", "2")]) == first
    assert predictor.cache.hits == 1
    assert len(engine.batches) == 1
    predictor.suggest(members(engine, "v8"), [example("same")])
    assert len(engine.batches) == 2, "another version's answer must not come from the cache"


def test_the_cache_is_bounded():
    cache = AnswerCache(size=10, max_characters=5)
    for number in range(100):
        cache.put(("v", "q", (str(number),)), number)
    cache.put(("v", "q", ("too long",)), 1)
    assert [cache.get(("v", "q", (str(number),))) for number in (89, 90, 99)] == [None, 90, 99]
    assert cache.get(("v", "q", ("too long",))) is None


def test_what_does_not_fit_is_dropped_and_counted(engine, predictor):
    engine.answer = "a label that nobody knows"
    [answer] = predictor.suggest(members(engine), [example()])
    assert answer["mood"].answer is None
    assert predictor.counts.dropped == 1


def test_a_few_examples_are_taken_for_a_person_who_waits(engine, predictor):
    asked, model = members(engine), FakeModel("bulk1", question(), engine)
    rows = model.encode(question(), [example()] * 640)
    one = threading.Thread(target=predictor.suggest, args=(asked, [example("one")]))
    with engine.lock:  # nothing is computed before both have asked
        bulk = predictor._queue.submit(model, rows, Priority.BULK, time.monotonic() + 60)
        one.start()
        until(lambda: predictor._queue._chunks[Priority.INTERACTIVE])
    one.join(60)
    bulk.result(60)
    versions = [version for version, _ in engine.batches]
    assert versions.index("v7") <= 1 < len(versions) - 1, "only the batch that was under way comes first"


def test_a_request_that_takes_too_long_ends(engine, predictor):
    engine.seconds = 0.2
    with pytest.raises(Overloaded):
        predictor.suggest(members(engine), [example(str(number)) for number in range(300)], seconds=0.3)
    assert predictor._queue.depth == 0


def measured(predictor, engine):
    """Requests of 320 texts, ten batches, have been answered: a batch of 32 texts of 2 tokens takes .02 s."""
    engine.seconds = 0.02
    for number in range(3):
        predictor.suggest(members(engine), texts(320, f"measure{number}"))
    engine.batches.clear()


def texts(count, name):
    return [example(f"{name} {number:04}", str(number)) for number in range(count)]


def test_what_can_never_be_answered_in_time_is_refused_before_it_is_computed(engine, predictor):
    measured(predictor, engine)
    with pytest.raises(TooLarge, match=r"ask for at most \d+ at a time") as refused:
        predictor.suggest(members(engine), texts(1900, "new"), seconds=0.2)
    assert not engine.batches
    fitting = int(re.search(r"at most (\d+)", str(refused.value))[1])
    assert 30 < fitting < 1000
    assert len(predictor.suggest(members(engine), texts(1900, "new"), seconds=60)) == 1900
    engine.batches.clear()
    assert len(predictor.suggest(members(engine), texts(1900, "new"), seconds=0.2)) == 1900, (
        "what is known costs nothing"
    )
    assert not engine.batches


def test_what_others_wait_for_counts_and_says_when_to_come_back(engine, predictor):
    measured(predictor, engine)
    with predictor._queue.admit(1000, Priority.BULK) as place:
        place.expect(60_000, 1000, time.monotonic() + 1000)
        with pytest.raises(Overloaded, match="waits for the model") as refused:
            predictor.suggest(members(engine), texts(320, "new"), seconds=5)
        assert refused.value.retry > 5
        assert not engine.batches
        place.done(60_000, time.monotonic() + 1000)
        assert len(predictor.suggest(members(engine), texts(320, "new"), seconds=30)) == 320


def test_without_a_measured_rate_a_request_ends_as_soon_as_its_own_batches_tell(engine, predictor):
    engine.seconds = 0.2
    with pytest.raises(Overloaded, match="rest in time"):
        predictor.suggest(members(engine), texts(1900, "new"), seconds=8)
    assert sum(rows for _, rows in engine.batches) < 1000
    assert predictor._queue.depth == 0


def test_small_batches_say_nothing_about_large_requests(engine, predictor):
    engine.seconds = 0.02
    for number in range(5):
        predictor.suggest(members(engine), [example(f"one {number}")])
    assert predictor._queue.pace.seconds(1000) == 0


def test_a_slow_start_is_no_slow_device():
    pace = Pace()
    for seconds in (5.0, 3.0, *[0.01] * 6):
        assert pace.seconds(100) == 0
        pace.note(100, seconds)
    assert pace.seconds(100) == pytest.approx(0.01)


def test_overload_is_refused_at_once(engine, predictor):
    with predictor._queue.admit(2000, Priority.BULK), pytest.raises(Overloaded):
        predictor.suggest(members(engine), [example()])


def test_no_examples_and_no_questions(engine, predictor):
    assert predictor.suggest(members(engine), []) == []
    assert predictor.suggest({}, [example()]) == [{}]


class Reader(FakeModel):
    """Counts how often texts are tokenized; the encoder is another model's where one is given."""

    tokenized = 0

    def __init__(self, version, engine, shared=None, asked=None):
        super().__init__(version, asked or question(), engine)
        self.shared = shared

    @property
    def encoder(self):
        return self.shared or self

    def encode(self, asked, examples):
        Reader.tokenized += 1
        return super().encode(asked, examples)

    def head(self, features):
        return [row + (1000 if self.shared else 0) for row in features]


@pytest.fixture
def reader(monkeypatch):
    monkeypatch.setattr(Reader, "tokenized", 0)
    return Reader


def test_questions_with_one_encoder_share_tokens_and_pass(engine, predictor, reader):
    first = reader("v1", engine)
    asked = {
        "mood": ServedQuestion(question(), first),
        "tone": ServedQuestion(question("tone"), reader("v2", engine, first)),
    }
    [answer] = predictor.suggest(asked, [example()])
    assert {name: each.score for name, each in answer.items()} == {"mood": 0.0001, "tone": 0.1001}
    assert engine.batches == [("v1", 1)]
    assert reader.tokenized == 1


def test_questions_that_read_other_fields_share_nothing(engine, predictor, reader):
    first = reader("v1", engine)
    other = question("tone", inputs=("title",))
    asked = {
        "mood": ServedQuestion(question(), first),
        "tone": ServedQuestion(other, reader("v2", engine, first, other)),
    }
    both = Example(key="1", fields={"text": "a", "title": "b"})
    predictor.suggest(asked, [both])
    assert reader.tokenized == 2
    assert sum(size for _, size in engine.batches) == 2


def test_what_one_question_knows_already_is_not_asked_again(engine, predictor, reader):
    first = reader("v1", engine)
    mood, tone = (
        ServedQuestion(question(), first),
        ServedQuestion(question("tone", inputs=("text",)), reader("v2", engine, first)),
    )
    predictor.suggest({"mood": mood}, [example("known")])
    answers = predictor.suggest({"mood": mood, "tone": tone}, [example("known"), example("new")])
    assert [{name: each.score for name, each in answer.items()} for answer in answers] == [
        {"mood": 0.0001, "tone": 0.1001}
    ] * 2


def test_questions_with_encoders_of_their_own_share_the_tokens(engine, predictor, reader):
    asked = {
        "mood": ServedQuestion(question(), reader("v1", engine)),
        "tone": ServedQuestion(question("tone"), reader("v2", engine)),
    }
    [answer] = predictor.suggest(asked, [example()])
    assert {name: each.score for name, each in answer.items()} == {"mood": 0.0001, "tone": 0.0002}
    assert reader.tokenized == 1
    assert len(engine.batches) == 2
