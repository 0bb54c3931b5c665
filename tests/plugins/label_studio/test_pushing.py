"""A push goes on where one task is trouble, and stops where Label Studio is."""

from __future__ import annotations

import pytest

from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.errors import ToolError, ToolFailed, ToolRefused, ToolUnreachable
from labelwheel.plugins.label_studio import polling
from labelwheel.plugins.label_studio.layout import read
from labelwheel.plugins.testing.people import People
from labelwheel.training.questions import Example, Prediction
from tests.plugins.label_studio.stand_in import CONFIG, Calls, Studio, Tasks

QUESTIONS = read(CONFIG).questions


def suggestions(keys: list[int], blind: bool = False) -> list[Suggestion]:
    said = {"topic": Prediction() if blind else Prediction(answer="sport", score=0.9)}
    examples = [Example(key=str(key), fields={"t": "some text"}) for key in keys]
    return [Suggestion(example=one, version="g3", predictions=said, blind=blind) for one in examples]


def refused(kind: type[ToolError], status: int) -> ToolError:
    error = kind("Label Studio said no")
    error.http_status = status
    return error


@pytest.fixture
def people() -> People:
    found = People()
    keys = [found.add(f"text {number}") for number in range(3)]
    assert Studio(found).push(suggestions(keys), QUESTIONS) == 3
    return found


def fail_once(people: People, error: ToolError) -> None:
    left = [error]

    def called(name: str) -> None:
        if name.startswith("call /api/predictions/") and left:
            raise left.pop()

    people.called = called


@pytest.mark.parametrize("error", [refused(ToolError, 404), refused(ToolFailed, 500)])
def test_a_prediction_that_cannot_be_taken_away_holds_up_no_other(people: People, error: ToolError) -> None:
    fail_once(people, error)
    Studio(people).push(suggestions([1, 2], blind=True), QUESTIONS)
    assert [len(people.suggested[key]) for key in (1, 2, 3)] == [1, 0, 1]


@pytest.mark.parametrize("error", [refused(ToolUnreachable, 0), refused(ToolRefused, 403), refused(ToolError, 429)])
def test_where_label_studio_itself_says_no_the_push_is_tried_again_later(people: People, error: ToolError) -> None:
    fail_once(people, error)
    with pytest.raises(type(error)):
        Studio(people).push(suggestions([1, 2], blind=True), QUESTIONS)


@pytest.mark.parametrize(("tasks", "wanted"), [(None, 100), (30, 100), (20_000, 1000), (10**6, 2000), ("many", 100)])
def test_the_more_tasks_a_project_has_the_more_suggestions_come_together(
    people: People, monkeypatch: pytest.MonkeyPatch, tasks: object, wanted: int
) -> None:
    monkeypatch.setattr(Tasks, "get", lambda self: {"id": 1, "task_number": tasks})
    assert Studio(people).at_once() == wanted


def test_what_comes_together_is_one_import(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "PAGE", 1000)
    keys = [people.add(f"more {number}") for number in range(450)]
    calls: list[str] = []
    people.called = calls.append
    assert Studio(people).push(suggestions(keys), QUESTIONS) == 450
    assert calls.count("call /api/projects/1/import/predictions") == 1
    assert {len(people.suggested[key]) for key in keys} == {1}


def test_an_import_that_is_too_large_for_a_proxy_comes_in_parts(people: People) -> None:
    keys = [people.add(f"more {number}") for number in range(20)]
    send, sizes = Calls.send, []

    def refuse(calls: Calls, method: str, path: str, body: object = None, *, timeout: float = 0.0) -> object:
        if path.endswith("import/predictions"):
            assert isinstance(body, list)
            sizes.append(len(body))
            if len(body) > 5:
                raise refused(ToolError, 413)
        return send(calls, method, path, body, timeout=timeout)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Calls, "send", refuse)
        assert Studio(people).push(suggestions(keys), QUESTIONS) == 20
    assert sizes == [20, 10, 5, 5, 10, 5, 5]
    assert {len(people.suggested[key]) for key in keys} == {1}
