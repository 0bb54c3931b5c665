"""What the test kit reads of the ledger, past the code that is tested."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from testkit import truth


@pytest.mark.parametrize("answer", [4, 4.5, "free words", ["b", "a"], [{"start": 0, "end": 2, "label": "x"}], None])
def test_an_answer_of_any_kind_is_read_as_it_is(answer: Any, tmp_path: Path) -> None:
    """SQLite makes a number of a rating's JSON, at which reading the ledger of such a project failed."""
    with closing(sqlite3.connect(tmp_path / "labelwheel.db")) as connection:
        connection.execute("CREATE TABLE labels (work_key, question, example_key, annotator, project_id, answer JSON)")
        row = ("w", "urgency", "e", "a", 1, json.dumps(answer))
        connection.execute("INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.commit()
    wheel = cast(Any, SimpleNamespace(environment={}, home=tmp_path))
    found = truth.ledger(wheel)["w", "urgency"]["answer"]
    assert found == (sorted(answer) if isinstance(answer, list) and isinstance(answer[0], str) else answer)
