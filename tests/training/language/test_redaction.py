"""What texts go through before they are sent: all of them, and where that fails nothing of a text is sent."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from labelwheel.training import entry_points
from labelwheel.training.errors import BrokenPlugin
from labelwheel.training.language import redaction
from labelwheel.training.language.answers import LanguageAnswers
from labelwheel.training.language.endpoint import LanguageModel
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.language.prompt import Shown
from labelwheel.training.questions import Answer, Example, Question
from testkit.language_model import ScriptedModel
from tests.training.language.test_answers import PLACES, SEVERAL, TOPIC, WORDS, texts

Make = Callable[..., LanguageModel]


def masks(text: str) -> Any:
    if "ends" in text:
        sys.exit(1)
    if "raises" in text:
        raise ValueError(text)
    return None if "voids" in text else re.sub(r"\S+@\S+", "[mail]", text)


NO_FUNCTION = "mails"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = [
        EntryPoint(name=name, value=f"{__name__}:{value}", group=redaction.GROUP)
        for name, value in (("masks", "masks"), ("none", "NO_FUNCTION"), ("gone", "no_such"))
    ]
    real = entry_points.installed
    monkeypatch.setattr(entry_points, "installed", lambda group: found if group == redaction.GROUP else real(group))
    redaction.of.cache_clear()
    yield
    redaction.of.cache_clear()


def answering(question: Question, *shown: tuple[str, Answer]) -> LanguageAnswers:
    rows = [
        Shown(example=Example(key=f"s{place}", fields={"text": text}), answer=answer)
        for place, (text, answer) in enumerate(shown)
    ]
    return LanguageAnswers(LanguageEntry(model="tiny", project="7"), question, rows)


def test_every_text_goes_through_it_those_that_are_shown_too(scripted: ScriptedModel, make: Make) -> None:
    make(redaction="masks")
    answers = answering(TOPIC, ("write to ada@mill.org", "a"), ("bob@mill.org wrote", "b"))
    (found,) = answers.predict(TOPIC, texts("and cy@mill.org ?"))
    assert found is not None
    assert found.answer == "a"
    (prompt,) = scripted.seen
    assert "mill.org" not in json.dumps(prompt)
    said = {json.loads(each["content"])["text"] for each in prompt[1::2]}
    assert said == {"write to [mail]", "[mail] wrote", "and [mail] ?"}


@pytest.mark.parametrize("question", [WORDS, SEVERAL])
def test_what_people_wrote_goes_through_it_as_well(question: Question, scripted: ScriptedModel, make: Make) -> None:
    make(redaction="masks")
    said: Any = "ask bob@mill.org"
    scripted.answering = lambda messages: [said] if question is SEVERAL else said
    answers = answering(question, ("who?", ["ask ada@mill.org"] if question is SEVERAL else "ask ada@mill.org"))
    assert answers.predict(question, texts("and now?"))[0] is not None
    assert "mill.org" not in json.dumps(scripted.seen)
    assert "ask [mail]" in scripted.seen[0][2]["content"]


@pytest.mark.parametrize("why", ["raises", "voids", "ends"])
def test_where_it_fails_nothing_of_that_text_is_sent_and_the_others_are(
    why: str, scripted: ScriptedModel, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    make(redaction="masks")
    answers = answering(TOPIC, ("fine", "a"), (f"it {why} here", "b"))
    found = answers.predict(TOPIC, texts("one", f"this {why}, too", "two"))
    assert [one and one.answer for one in found] == ["a", None, "a"]
    assert found[1] is None, "what lies beside it answers"
    assert answers.problem is None, "the endpoint is not away"
    assert len(scripted.seen) == 2
    assert why not in json.dumps(scripted.seen)
    assert "the redaction masks" in caplog.text
    assert "too" not in caplog.text, "no text in a log either"
    assert [one.answer for one in answers.raw(TOPIC, texts("one", f"this {why}, too"))] == ["a", None]


def test_spans_are_found_in_the_text_as_it_is(scripted: ScriptedModel, make: Make) -> None:
    make(redaction="masks")
    text = "Mail ada.lovelace@mill.org about Rome; Rome burns"
    scripted.answering = lambda messages: [{"quote": "Rome", "label": "a"}] * 2
    (found,) = answering(PLACES).predict(PLACES, texts(text))
    assert found is not None
    assert isinstance(found.answer, list)
    assert [(each["start"], text[each["start"] : each["end"]]) for each in found.answer] == [(33, "Rome"), (39, "Rome")]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("Rome is old, write to Rome@mill.org", "Rome"),  # it stands twice, and was seen once
        ("write to ada@mill.org", "[mail]"),  # it stands nowhere
    ],
)
def test_a_quote_whose_place_redaction_has_made_unsure_is_dropped(
    text: str, quote: str, scripted: ScriptedModel, make: Make
) -> None:
    make(redaction="masks")
    mark = {"quote": quote, "label": "a"}
    scripted.answering = lambda messages: [mark]
    (found,) = answering(PLACES).predict(PLACES, texts(text))
    assert found is not None
    assert found.answer is None
    fine = {"quote": "write", "label": "b"}
    scripted.answering = lambda messages: [mark, fine]
    (found,) = answering(PLACES).predict(PLACES, texts(f"{text} "))
    assert found is not None
    assert isinstance(found.answer, list)
    assert [each["label"] for each in found.answer] == ["b"], "it costs no other one"


def test_a_text_in_which_people_marked_what_is_hidden_is_not_shown(scripted: ScriptedModel, make: Make) -> None:
    make(redaction="masks")
    hidden = [{"start": 9, "end": 21, "label": "a"}]
    scripted.answering = lambda messages: []
    answers = answering(
        PLACES, ("write to ada@mill.org", hidden), ("go to Rome, x@y.z", [{"start": 6, "end": 10, "label": "a"}])
    )
    answers.predict(PLACES, texts("what?"))
    (prompt,) = scripted.seen
    assert [json.loads(each["content"])["text"] for each in prompt[1::2]] == ["go to Rome, [mail]", "what?"]
    assert json.loads(prompt[2]["content"]) == {"answer": [{"quote": "Rome", "label": "a"}]}


@pytest.mark.parametrize(
    ("name", "said"),
    [("none", "has to be callable with a text"), ("gone", "cannot be loaded"), ("other", "no redaction 'other'")],
)
def test_one_that_cannot_be_used_sends_nothing(name: str, said: str, scripted: ScriptedModel, make: Make) -> None:
    with pytest.raises(BrokenPlugin, match=said):
        redaction.of(name)
    make(redaction=name)
    answers = answering(TOPIC)
    assert answers.predict(TOPIC, texts("x")) == [None]
    assert said in str(answers.problem)
    assert not scripted.seen
