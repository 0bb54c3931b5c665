from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from labelwheel.backend.replay import scratch
from labelwheel.backend.replay.policies import Policy, parse
from labelwheel.backend.replay.recording import RecordedRound, Recording
from labelwheel.backend.replay.scratch import Scratch
from labelwheel.backend.replay.starts import PolicyStarts, RecordedStarts
from labelwheel.backend.replay.turns import Upcoming
from labelwheel.training.spec import Recipe
from tests.backend.replay.recordings import BEGIN, event, recording


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELWHEEL_FIRST_ROUND", "12")
    monkeypatch.setenv("LABELWHEEL_QUIET_SECONDS", "15")


@contextmanager
def labelled(given: Recording, count: int, home: Path, policy: Policy) -> Iterator[Scratch]:
    """A scratch that has a names round behind it and so many labels."""
    with scratch.opened(given, policy.settings(home)) as found:
        found.arrive(BEGIN)
        found.append(given.events[:count])
        yield found


def at(number: int) -> Upcoming:
    return Upcoming(BEGIN + timedelta(seconds=10 * number), number)


def test_before_anything_is_served_the_names_come_first(tmp_path: Path) -> None:
    with labelled(recording(40), 0, tmp_path, parse("growth=.5")) as found:
        start = PolicyStarts(recording(40)).next(found, at(1))
    assert start is not None
    assert (start.recipe, start.took) == (Recipe.NAMES, timedelta())


def test_a_round_waits_for_a_pause_as_people_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = recording(40, round_seconds=42.0)
    monkeypatch.setattr("labelwheel.training.kinds.choice.Choice.named", False)
    starts = PolicyStarts(given)
    with labelled(given, 12, tmp_path, parse("")) as found:
        # ten seconds after the label that was enough, and fifteen are a pause
        assert starts.next(found, at(13)) is None
        late = starts.next(found, Upcoming(BEGIN + timedelta(seconds=200), 13))
        assert late is not None
        assert (late.recipe, late.took) == (Recipe.AUTO, timedelta(seconds=42))
        assert late.begins == pytest.approx(BEGIN + timedelta(seconds=135), abs=timedelta(seconds=5))
        # whoever labels on and on is not waited for longer than twice a pause
        found.append(given.events[12:13])
        assert starts.next(found, at(14)) is None
        found.append(given.events[13:15])
        assert starts.next(found, at(16)) is not None


def test_of_a_file_nobody_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelwheel.training.kinds.choice.Choice.named", False)
    given = recording(40, placed=False)
    with scratch.opened(given, parse("").settings(tmp_path)) as found:
        found.append(given.events[:11])
        assert PolicyStarts(given).next(found, at(12)) is None
        found.append(given.events[11:12])
        assert PolicyStarts(given).next(found, at(13)) is not None


def test_recorded_rounds_start_after_the_last_label_that_they_knew(tmp_path: Path) -> None:
    moment = BEGIN.astimezone(UTC)
    one = RecordedRound("v1", "auto", "command", "promoted", "", None, 5, moment, moment, "", {}, True)
    starts = RecordedStarts(recording(9, rounds=[one]))
    with labelled(recording(9), 0, tmp_path, Policy("as recorded", recorded=True)) as found:
        assert starts.next(found, at(5)) is None
        start = starts.next(found, at(6))
        assert start is not None
        assert start.recorded == one
        assert starts.next(found, None) is None


def test_a_ledger_in_a_scratch_is_the_one_that_was_recorded(tmp_path: Path) -> None:
    from sqlalchemy import select

    from labelwheel.backend.database.tables import Label

    given = recording(5)
    more = [event(6, "e1", "politics", "updated"), event(7, "e2", action="deleted"), event(8, "e2", "sport")]
    with labelled(given, 5, tmp_path, Policy("as recorded", recorded=True)) as found:
        found.append(more)
        with found.database.session() as session:
            labels = {row.example_key: (row.answer, row.event_id) for row in session.scalars(select(Label))}
    assert labels == {
        "e1": ("politics", 6), "e2": ("sport", 8), "e3": ("sport", 3), "e4": ("politics", 4), "e5": ("sport", 5)
    }  # fmt: skip
