"""What a draft implies for the questions that it leaves open: only what is clear, and counted seldom."""

import threading

import pytest

from labelwheel.backend.app import create_app
from labelwheel.backend.database.tables import Label, now
from labelwheel.backend.ledger.given_together import NEWEST, QUESTIONS, read
from labelwheel.backend.serving import implications
from labelwheel.backend.serving.implications import LEAST, Implication, Implications
from labelwheel.backend.settings import Settings
from labelwheel.plugins.errors import UnknownProject
from labelwheel.training.questions import Kind, Option, Prediction, Question
from tests.backend.counting import counted
from tests.backend.serving.fakes import FakeEngine, example, question
from tests.backend.stage import TOOL, Stage

MOOD, TONE = question("mood"), question("tone")
WHO = Question(name="who", kind=Kind.SPANS, inputs=("text",), options=(Option(value="PER"), Option(value="DOC")))
STARS = Question(name="stars", kind=Kind.RATING, inputs=("text",), minimum=1, maximum=5)
ASKED = (MOOD, TONE, WHO, STARS)
PERSON = [{"start": 0, "end": 2, "label": "PER"}, {"start": 3, "end": 5, "label": "PER"}]


def implication(*works):
    """Each is what was answered, and how often."""
    pairs = [answers for answers, times in works for _ in range(times)]
    return Implication(ASKED, {str(number): answers for number, answers in enumerate(pairs)})


def test_what_people_give_together_is_implied():
    found = implication(({"mood": "good", "tone": "bad"}, 20), ({"mood": "bad", "tone": "good"}, 20))
    answer = found.answer(TONE, {"mood": "good"}, Prediction(answer="good", score=0.5))
    assert answer is not None
    assert answer.answer == "bad"
    assert implications.CLEAR <= answer.score < 1


def test_a_label_that_was_drawn_implies_too_however_often_it_was():
    found = implication(({"who": PERSON, "tone": "bad"}, 12), ({"who": [], "tone": "good"}, 12))
    answer = found.answer(TONE, {"who": PERSON[:1]}, None)
    assert answer is not None
    assert answer.answer == "bad"
    assert found.answer(TONE, {"who": []}, None) is None


@pytest.mark.parametrize(
    ("works", "given", "predicted", "why"),
    [
        ([({"mood": "good", "tone": "bad"}, LEAST - 1)], {"mood": "good"}, None, "too few say so"),
        (
            [({"mood": "good", "tone": "bad"}, 10), ({"mood": "good", "tone": "good"}, 10)],
            {"mood": "good"}, None, "people answer both",
        ),
        (
            [({"mood": "good", "tone": "bad"}, 10), ({"mood": "bad", "tone": "bad"}, 10)],
            {"mood": "good"}, Prediction(answer="good", score=0.9), "it is as common elsewhere",
        ),
        (
            [({"mood": "good", "tone": "bad"}, 9), ({"mood": "bad", "tone": "good"}, 9)],
            {"mood": "good"}, Prediction(answer="so-so", score=0.98), "the model is sure of another",
        ),
        ([({"mood": "good", "tone": "bad"}, 20)], {"mood": "bad"}, None, "nobody gave that before"),
        ([({"mood": "good", "tone": "bad"}, 20)], {"mood": "no such"}, None, "an option of the past"),
        ([({"mood": "good", "tone": "bad"}, 20)], {"mood": None, "stars": 3, "gone": "x", "who": "x"}, None, "nothing"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_not_implied(works, given, predicted, why):
    found = implication(*works, ({"mood": "so-so", "tone": "so-so"}, 1), ({"mood": "bad", "tone": "good"}, 1))
    answer = found.answer(TONE, given, predicted)
    assert answer is None, why


def test_many_classes_need_no_more_labels_than_few():
    values = [f"intent {number}" for number in range(77)]
    many = question("tone", options=tuple(Option(value=each) for each in values))
    works = {str(number): {"mood": "good", "tone": values[3]} for number in range(8)}
    works |= {f"o{number}": {"mood": "bad", "tone": values[number % 77]} for number in range(150)}
    answer = Implication((MOOD, many), works).answer(many, {"mood": "good"}, Prediction(answer=values[9], score=0.1))
    assert answer is not None
    assert answer.answer == values[3]


def test_a_question_of_several_answers_is_never_implied():
    found = implication(({"mood": "good", "who": PERSON, "stars": 3}, 30))
    assert found.telling(WHO, {"mood": "good"}) == found.telling(STARS, {"mood": "good"}) == []


class Books:
    """The ledger, which counts how often it is read."""

    def __init__(self):
        self.together = {str(number): {"mood": "good", "tone": "bad"} for number in range(20)}
        self.together |= {f"o{number}": {"mood": "bad", "tone": "good"} for number in range(20)}
        self.reads = 0
        self.broken = False
        self.gate = threading.Event()
        self.gate.set()

    def read(self, project, questions):
        self.reads += 1
        assert self.gate.wait(20)
        if self.broken:
            raise OSError("the database is away")
        return self.together


def test_it_is_read_once_in_a_while_and_goes_on_while_it_cannot_be_read(monkeypatch):
    books = Books()
    kept = Implications(books.read)
    first = kept.of(1, ASKED)
    assert kept.of(1, ASKED) is first
    assert books.reads == 1
    kept.of(1, (MOOD, TONE))  # what is asked has changed
    assert books.reads == 2
    monkeypatch.setattr(implications, "FRESH_SECONDS", 0.0)
    books.broken = True
    assert kept.of(1, (MOOD, TONE)).telling(TONE, {"mood": "good"})
    assert not kept.of(2, ASKED).telling(TONE, {"mood": "good"})
    assert books.reads == 4


def test_nobody_waits_for_what_is_read_anew(monkeypatch):
    books = Books()
    kept = Implications(books.read)
    first = kept.of(1, ASKED)
    monkeypatch.setattr(implications, "FRESH_SECONDS", 0.0)
    books.gate.clear()
    reader = threading.Thread(target=kept.of, args=(1, ASKED))
    reader.start()
    try:
        while books.reads < 2:
            pass
        assert kept.of(1, ASKED) is first
    finally:
        books.gate.set()
        reader.join(20)
    assert books.reads == 2


def test_the_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(implications, "PROJECTS", 3)
    books = Books()
    kept = Implications(books.read)
    for project in range(5):
        kept.of(project, ASKED)
    kept.of(4, ASKED)
    assert books.reads == 5
    kept.of(0, ASKED)
    assert books.reads == 6


@pytest.fixture
def stage(tmp_path):
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood", "tone")
    yield stage
    stage.database.dispose()


def test_the_ledger_tells_what_was_answered_together_in_one_look(stage):
    for work, name, given in (("w1", "mood", "good"), ("w1", "tone", "bad"), ("w2", "mood", "bad")):
        with stage.database.transaction() as tx:
            common = {
                "project_id": stage.project, "question": name, "example_key": "1", "work_key": work, "annotator": "a",
                "answer": given, "made_at": now(),
            }  # fmt: skip
            tx.add(Label(event_id=1, **common))
    with stage.database.session() as session, counted() as found:
        together = read(session, stage.project, ["mood", "tone"])
    assert together == {"w1": {"mood": "good", "tone": "bad"}, "w2": {"mood": "bad"}}
    assert sum(each.startswith("SELECT") for each in found.statements) == 2, "one for each question"
    assert NEWEST * QUESTIONS <= 100_000


def test_the_web_process_says_what_a_draft_implies(stage):
    version = stage.promote({"mood": "v1", "tone": "v2"})
    app = create_app(stage.settings, FakeEngine())
    service = app.extensions["labelwheel"]
    assert service.served_models.ready.wait(15)
    try:
        assert service.host.implied(TOOL, "1.99", example(), {"mood": "good"}).predictions == {}
        books = Books()
        service.host._implications = Implications(books.read)
        found = service.host.implied(TOOL, "1.99", example(), {"mood": "good"})
        assert found.version == version
        assert {name: each.answer for name, each in found.predictions.items()} == {"tone": "bad"}
        assert service.host.implied(TOOL, "1.99", example(), {"mood": "good", "tone": "so-so"}).predictions == {}
        assert service.host.implied(TOOL, "1.99", example(), {}).predictions == {}
        with pytest.raises(UnknownProject):
            service.host.implied(TOOL, "2.99", example(), {"mood": "bad"})
    finally:
        service.stop()
