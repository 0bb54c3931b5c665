"""The section says how far marks can be trusted, and which words a checkpoint goes by."""

from labelwheel.training.evaluation.faithfulness import EXPLANATIONS
from tests.training.inspection.subjects import choice, row, subject

TEXTS = [f"in place {number} a {word} tale of some old town" for number in range(20) for word in ("lovely", "dull")]
ROWS = [row(number, text, "good" if "lovely" in text else "bad") for number, text in enumerate(TEXTS)]


def by_one_word(text):
    return ("good", 0.9) if "lovely" in text else ("bad", 0.9 if "dull" in text else 0.6)


def test_a_model_that_goes_by_one_word_loses_its_answer_with_it_and_the_word_is_named():
    found = EXPLANATIONS.look(subject(choice("good", "bad"), ROWS, by_one_word))
    assert (found["texts"], found["items"]) == (40, 40)
    assert found["marked"] == 0.5, "what is said without any word stays without the marked ones"
    assert 0 < found["random"] < 0.25
    assert {one["label"]: one["words"][0] for one in found["words"]} == {"good": "lovely", "bad": "dull"}
    text = EXPLANATIONS.render(found)
    assert text.startswith("## Which words carry answers\n\nWithout the fifth")
    assert "50% of 40 answers are gone" in text
    assert "| good | lovely |" in text
    assert "hardly more than chance" not in text


def test_marks_that_say_nothing_are_said_to():
    found = EXPLANATIONS.look(subject(choice("good", "bad"), ROWS, lambda text: ("good", 0.9)))
    assert (found["marked"], found["random"], found["words"]) == (0, 0, [])
    assert EXPLANATIONS.render({**found, "marked": 0.3, "random": 0.2}).endswith("hardly more than chance.")


def test_with_few_answers_nothing_is_said():
    assert EXPLANATIONS.look(subject(choice("good", "bad"), ROWS[:19], by_one_word)) == {}
    assert EXPLANATIONS.look(subject(choice("good", "bad"), ROWS, lambda text: (None, 0.0))) == {}
