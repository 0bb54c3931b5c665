"""The tab of all that is left, the least sure first."""

from __future__ import annotations

import logging

import pytest

from labelwheel.plugins.errors import ToolError
from labelwheel.plugins.label_studio import least_sure
from tests.plugins.label_studio.test_ranks import Manager


def titles(manager: Manager) -> list[str]:
    return [data["title"] for data in manager.tabs.values()]


def test_it_is_made_once_and_taken_away() -> None:
    manager = Manager()
    least_sure.add(manager)
    least_sure.add(manager)
    assert titles(manager) == ["Default", least_sure.TITLE]
    least_sure.remove(manager)
    least_sure.remove(manager)
    assert titles(manager) == ["Default"]


def test_it_holds_what_is_left_with_a_suggestion_and_shows_score_version_and_suggestion() -> None:
    manager = Manager()
    least_sure.add(manager)
    [tab] = [data for data in manager.tabs.values() if data["title"] == least_sure.TITLE]
    assert tab["ordering"] == ["tasks:predictions_score"]
    conditions = [(one["filter"], one["operator"], one["value"]) for one in tab["filters"]["items"]]
    assert (tab["filters"]["conjunction"], conditions) == (
        "and",
        [("filter:tasks:total_annotations", "equal", 0), ("filter:tasks:predictions_results", "contains", "from_name")],
    )
    shown = {"tasks:predictions_score", "tasks:predictions_model_versions", "tasks:predictions_results"}
    assert not shown & set(tab["hiddenColumns"]["explore"])


@pytest.mark.parametrize("there", [True, False])
def test_a_tab_that_cannot_be_had_costs_nothing_else(there: bool, caplog: pytest.LogCaptureFixture) -> None:
    manager = Manager()
    if there:
        manager.tabs[1] = {"title": least_sure.TITLE}
    manager.send = lambda *_: (_ for _ in ()).throw(ToolError("no"))
    with caplog.at_level(logging.WARNING):
        (least_sure.remove if there else least_sure.add)(manager)
    assert least_sure.TITLE in caplog.text
