"""What was answered elsewhere, as a task with an annotation."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.plugins.capabilities import Given
from labelwheel.plugins.errors import ToolError
from labelwheel.plugins.label_studio import adding
from labelwheel.plugins.label_studio.annotations import ADDED, work_of
from labelwheel.plugins.label_studio.layout import Layout, read

CHOICES = '<Choices name="topic" toName="t"><Choice value="sport"/><Choice value="politics"/></Choices>'
SPANS = '<Labels name="places" toName="t"><Label value="city"/></Labels>'


class Project:
    """Takes what is imported, and finds it again."""

    id = 1

    def __init__(self, config: str) -> None:
        self.layout: Layout = read(config)
        self.client, self.imported = self, list[dict[str, Any]]()

    def tasks(self, *filters: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        (one,) = filters
        assert one["filter"] == f"filter:tasks:data.{ADDED}"
        return [task for task in self.imported if task["data"][ADDED] == one["value"]]

    def send(self, method: str, path: str, body: Any, **more: Any) -> None:
        assert (method, path) == ("POST", "/api/projects/1/import")
        self.imported += body


def view(shown: str) -> str:
    return f"<View>{shown}{CHOICES}{SPANS}</View>"


def given(text: str, **answers: Any) -> Given:
    return Given(name="f1", fields={"t": text}, answers=answers or {"topic": "sport"})


@pytest.mark.parametrize(
    ("shown", "data"),
    [
        ('<Text name="t" value="$body"/>', {"body": "<b>3 < 4</b> & more"}),
        ('<HyperText name="t" value="$body"/>', {"body": "&lt;b&gt;3 &lt; 4&lt;/b&gt; &amp; more"}),
        (
            '<Paragraphs name="t" value="$chat" nameKey="who" textKey="said"/>',
            {"chat": [{"who": "", "said": "<b>3 < 4</b> & more"}]},
        ),
    ],
)
def test_a_text_is_shown_as_it_was_answered_about(shown: str, data: Any) -> None:
    project = Project(view(shown))
    for _ in range(2):
        adding.add(project, given("<b>3 < 4</b> & more"))  # type: ignore[arg-type]
    (task,) = project.imported
    assert task["data"] == {**data, ADDED: "f1"}
    ((region,),) = (one["result"] for one in task["annotations"])
    assert "score" not in region
    assert not region["id"].startswith("lw"), "it is no suggestion of ours"


def test_of_what_was_not_asked_nothing_is_said() -> None:
    project = Project(view('<Text name="t" value="$body"/>'))
    adding.add(project, given("Rome won"))  # type: ignore[arg-type]
    (task,) = project.imported
    task |= {"id": 7, "annotations": [{**task["annotations"][0], "id": 9}]}
    example = project.layout.example("7", task["data"])
    (work,) = work_of(project.layout, task, example)
    assert (work.answers, work.silent, work.version) == ({"topic": "sport"}, (), None)
    del task["data"][ADDED]
    (work,) = work_of(project.layout, task, example)
    assert (work.answers, work.silent) == ({"topic": "sport", "places": []}, ("places",)), "in the tool all were asked"


def test_no_span_at_all_is_an_answer_but_one_outside_of_the_text_is_none() -> None:
    project = Project(view('<Text name="t" value="$body"/>'))
    adding.add(project, given("Rome won", places=[{"start": 0, "end": 4, "label": "city"}]))  # type: ignore[arg-type]
    (task,) = project.imported
    ((region,),) = (one["result"] for one in task["annotations"])
    assert (region["value"]["start"], region["value"]["end"], region["value"]["labels"]) == (0, 4, ["city"])


@pytest.mark.parametrize("more", ['value="From: $who"', 'value="$a" encoding="base64"'])
def test_what_cannot_be_put_there_is_said(more: str) -> None:
    project = Project(view(f'<Text name="t" {more}/>'))
    with pytest.raises(ToolError, match="a text cannot be put there"):
        adding.add(project, given("a text"))  # type: ignore[arg-type]
    assert not project.imported


def test_an_answer_that_the_project_does_not_know_any_more_is_said() -> None:
    project = Project(view('<Text name="t" value="$body"/>'))
    with pytest.raises(ToolError, match="cannot have that answer to 'topic'"):
        adding.add(project, given("a text", topic="weather"))  # type: ignore[arg-type]
    assert not project.imported
