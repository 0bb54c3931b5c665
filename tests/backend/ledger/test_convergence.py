"""Any mixture of people's work, polls, fetches, late and doubled pages and cut sweeps ends in the same ledger."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelwheel.backend.database.engine import Database
from labelwheel.plugins.connector import Page
from labelwheel.plugins.testing.fake_tool import Tool
from tests.backend.ledger.helpers import Ledger, truth

TEXTS = ["Rome wins the cup", "rome wins the cup!", "a vote in Paris", "", "another text altogether, longer"]
ANSWERS: list[dict[str, Any]] = [
    {"topic": "sport"},
    {"topic": "politics"},
    {"topic": "sport", "places": []},
    {"places": [{"start": 0, "end": 4, "label": "city"}]},
    {},
]
KEYS = st.integers(0, 5)

steps = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(TEXTS)),
    st.tuples(st.just("edit"), KEYS, st.sampled_from(TEXTS[:3])),
    st.tuples(st.just("submit"), KEYS, st.sampled_from(ANSWERS), st.sampled_from(["ann", "bob"]), st.booleans()),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("remove"), KEYS),
    st.tuples(st.just("capture"), st.lists(KEYS, min_size=1, max_size=3)),
    st.tuples(st.just("deliver"), KEYS, st.booleans()),
    st.tuples(st.just("poll"), st.integers(0, 3)),
    st.tuples(st.just("sweep"), st.sampled_from([1, 2, None])),
    st.tuples(st.just("fetch"), st.lists(st.sampled_from(["1", "2", "3", "4", "99", "nobody's"]), max_size=4)),
)


def _nth(values: list[str], number: int) -> str | None:
    return values[number % len(values)] if values else None


def _perform(step: tuple[Any, ...], ledger: Ledger, captured: list[Page]) -> None:
    tool: Tool = ledger.tool
    match step:
        case ("add", text):
            tool.add(text)
        case ("edit", number, text):
            # a text under an answer with spans may not shrink below them
            if (key := _nth(list(tool.examples), number)) is not None and tool.examples[key].fields["text"]:
                tool.edit(key, text)
        case ("submit", number, answers, annotator, skipped):
            if (key := _nth(list(tool.examples), number)) is not None:
                short = not tool.examples[key].fields["text"]
                usable = {name: value for name, value in answers.items() if not (short and value and name == "places")}
                tool.submit(key, usable, annotator, skipped=skipped)
        case ("delete", number):
            if (key := _nth(list(tool.work), number)) is not None:
                tool.delete(key)
        case ("remove", number):
            if (key := _nth(list(tool.examples), number)) is not None:
                tool.remove(key)
        case ("capture", numbers):
            keys = [key for number in numbers if (key := _nth(list(tool.examples), number))]
            captured.append(tool.page(keys, str(len(tool.log))))
        case ("deliver", number, whole):
            if captured:
                page = captured[number % len(captured)]
                ledger.take(page if whole else page.model_copy(update={"refreshed": ()}))
        case ("poll", back):
            ledger.poll(str(max(0, int(ledger.project.poll_cursor or 0) - back)))
        case ("sweep", pages):
            ledger.sweep(pages)
        case ("fetch", keys):
            # keys of what is there, was deleted, or never was
            before = ledger.project.poll_cursor, ledger.project.sweep_cursor
            ledger.fetch(*keys)
            assert (ledger.project.poll_cursor, ledger.project.sweep_cursor) == before
            there = {key: answer for key, answer in truth(tool).items() if tool.work[key[0]].example in keys}
            assert there.items() <= ledger.labels.items()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(steps, min_size=5, max_size=30))
def test_the_ledger_ends_as_the_tool_is(database: Database, history: list[tuple[Any, ...]]) -> None:
    ledger = Ledger(database)
    captured: list[Page] = []
    parts: dict[str, str] = {}
    for step in history:
        _perform(step, ledger, captured)
        for key, row in ledger.examples.items():
            assert parts.setdefault(key, row.part) == row.part or row.part == "apart"
            parts[key] = row.part
    ledger.poll()
    ledger.sweep()  # ends one that was broken off
    ledger.sweep()
    assert ledger.labels == truth(ledger.tool)
    assert {key for key, row in ledger.examples.items() if not row.gone} == set(ledger.tool.examples)
    assert {key: row.fields["text"] for key, row in ledger.examples.items() if not row.gone} == {
        key: example.fields["text"] for key, example in ledger.tool.examples.items()
    }
    before = ledger.facts
    assert ledger.rebuilt == before
    events = len(ledger.events)
    ledger.poll("0")
    ledger.sweep()
    assert len(ledger.events) == events
