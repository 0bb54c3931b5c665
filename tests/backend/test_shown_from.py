"""From which score on there are suggestions: by what clicks cost, or as it is set."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from labelwheel.backend.settings import Settings


def test_costs_decide_where_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dict(Settings(_env_file=None).shown_from)["spans"] == 0.5
    monkeypatch.setenv("LABELWHEEL_COSTS", '{"spans": [1, 3, 0], "choice": [2, 1, 0]}')
    found = Settings(_env_file=None).shown_from
    assert (found["spans"], found["choice"], found["rating"]) == (0.25, 0.5, 0.0)
    monkeypatch.setenv("LABELWHEEL_SHOW", '{"spans": 0.4}')
    found = Settings(_env_file=None).shown_from
    assert (found["spans"], found["choice"]) == (0.4, 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHOW", '{"span": 0.4}'),
        ("SHOW", '{"spans": 1.4}'),
        ("COSTS", '{"spans": [1, 2]}'),
        ("COSTS", '{"x": [1, 2, 0]}'),
    ],
)
def test_a_kind_that_there_is_not_and_strange_numbers_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"LABELWHEEL_{name}", value)
    with pytest.raises(ValidationError):
        Settings(_env_file=None)
