"""What was answered elsewhere, as a record with a response."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.plugins.argilla.adding import PREFIX, added
from labelwheel.plugins.argilla.client import Rejected
from labelwheel.plugins.capabilities import Given
from labelwheel.plugins.errors import ToolError
from tests.plugins.argilla.stand_in import Calls, RecordPeople, Records

GIVEN = Given(name="f1", fields={"t": "a text"}, answers={"topic": "sport"})


def test_a_record_that_came_from_elsewhere_is_known() -> None:
    assert added({"external_id": f"{PREFIX}f1"})
    assert not added({"external_id": None})
    assert not added({})


def test_where_argilla_wants_more_answers_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(*rest: Any, **more: Any) -> None:
        raise Rejected("missing response value for required question with name='mood'")

    monkeypatch.setattr(Calls, "send", send)
    with pytest.raises(ToolError, match=r"an answer to topic alone: .*mood.* make its other questions optional"):
        Records(RecordPeople()).add(GIVEN)


def test_an_answer_that_the_dataset_does_not_know_any_more_is_said() -> None:
    people = RecordPeople()
    with pytest.raises(ToolError, match="cannot have that answer"):
        Records(people).add(GIVEN.model_copy(update={"answers": {"topic": "weather"}}))
    assert not people.texts
