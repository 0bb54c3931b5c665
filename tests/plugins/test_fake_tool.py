"""The labelling tool in memory keeps what every connector has to keep, and a connector that does not is found out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from labelwheel.plugins.connector import Page, Suggestion
from labelwheel.plugins.testing.conformance import FORGED, Conformance
from labelwheel.plugins.testing.fake_stage import FakeStage
from labelwheel.plugins.testing.fake_tool import FakeConnector, PlainConnector
from labelwheel.plugins.testing.stage import Stage
from labelwheel.training.questions import Question


class TestFakeTool(Conformance):
    @pytest.fixture
    def stage(self) -> Stage:
        return FakeStage()


class TestPlainTool(Conformance):
    """Without any capability."""

    @pytest.fixture
    def stage(self) -> Stage:
        return FakeStage(PlainConnector)


class Forgetful(FakeConnector):
    """Passes over a change now and then."""

    def poll(self, cursor: str | None) -> Iterator[Page]:
        for number, page in enumerate(super().poll(cursor)):
            if number != 1:
                yield page


class Restless(FakeConnector):
    """Its cursor is good for one object alone."""

    def poll(self, cursor: str | None) -> Iterator[Page]:
        for page in super().poll(cursor):
            yield page.model_copy(update={"cursor": "999"})


class Torn(FakeConnector):
    """Tells of examples before it brings them."""

    def poll(self, cursor: str | None) -> Iterator[Page]:
        for page in super().poll(cursor):
            yield page.model_copy(update={"examples": ()})
            yield page


class Partial(FakeConnector):
    """Says that it listed all work on an example, and did not."""

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        for page in super().sweep(cursor):
            yield page.model_copy(update={"work": page.work[1:]})


class Endless(FakeConnector):
    """Begins anew wherever it was."""

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        return super().sweep("6" if cursor else None)


class Hasty(FakeConnector):
    """Takes what the tool fails to show for gone."""

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        for page in super().sweep(cursor):
            yield page.model_copy(update={"aside": (), "gone": tuple(one.key for one in page.aside)})


class Pushy(FakeConnector):
    """Shows whatever it is given."""

    def push(self, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
        self._tool.shown.update({item.example.key: item for item in suggestions})
        return len(suggestions)


class Brittle(FakeConnector):
    """One bad suggestion costs all."""

    def push(self, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
        known = all(item.example.key in self._tool.examples for item in suggestions)
        return super().push(suggestions if known else (), questions)


class Tiresome(FakeConnector):
    """What was pushed waits again."""

    def _shows(self, key: str, version: str) -> bool:
        return False


class Gullible(FakeConnector):
    """Believes in whatever key it is given."""

    def fetch(self, keys: Sequence[str]) -> Page:
        page = super().fetch(keys)
        return page.model_copy(update={"refreshed": tuple(keys), "gone": ()})


class Stale(FakeConnector):
    """Fetches what was there once."""

    def fetch(self, keys: Sequence[str]) -> Page:
        return super().fetch(keys).model_copy(update={"work": ()})


class Rash(FakeConnector):
    """What it did not look for is gone."""

    def fetch(self, keys: Sequence[str]) -> Page:
        gone = (key for key in self._tool.examples if key not in keys[:1])
        page = super().fetch(keys[:1])
        return page.model_copy(update={"gone": tuple(gone)})


class Sticky(FakeConnector):
    """Adds an order to the one before."""

    def rank(self, keys: Sequence[str]) -> None:
        self._tool.ranked += keys


class Wordy(FakeConnector):
    """People see what nobody suggested."""

    def shows(self, suggestion: Suggestion) -> dict[str, Any]:
        return {name: one.answer for name, one in suggestion.predictions.items()}


@pytest.mark.parametrize(
    ("connector", "test"),
    [
        (Forgetful, "a_poll_finds_every_change"),
        (Restless, "a_cursor_is_where_to_go_on_for_a_connector_that_is_made_anew"),
        (Torn, "a_poll_finds_every_change"),
        (Partial, "a_sweep_is_the_whole_project_and_goes_on_at_its_cursor"),
        (Endless, "a_sweep_is_the_whole_project_and_goes_on_at_its_cursor"),
        (Hasty, "what_the_tool_fails_to_show_is_set_aside_and_costs_no_other"),
        (Pushy, "a_suggestion_that_cannot_be_shown_costs_no_other"),
        (Brittle, "a_suggestion_that_cannot_be_shown_costs_no_other"),
        (Tiresome, "suggestions_are_shown_once_and_pushing_again_changes_nothing"),
        (Gullible, "some_examples_are_fetched_as_they_are_now"),
        (Stale, "some_examples_are_fetched_as_they_are_now"),
        (Rash, "what_is_deleted_is_never_fetched"),
        (Sticky, "an_order_is_shown_in_place_of_the_one_before"),
        (Wordy, "what_is_shown_can_be_answered"),
    ],
)
def test_a_connector_that_does_not_keep_it_is_found_out(connector: type[FakeConnector], test: str) -> None:
    with pytest.raises(AssertionError):
        getattr(Conformance(), f"test_{test}")(FakeStage(connector))


def test_what_the_suite_forges_is_no_key_of_the_tool_in_memory() -> None:
    stage = FakeStage()
    assert not {stage.add(f"text {number}") for number in range(30)} & set(FORGED)


def test_the_kit_takes_no_pytest_where_nobody_tests() -> None:
    script = "import sys, labelwheel.plugins.testing.conformance; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
