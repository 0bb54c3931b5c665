"""The tab of label errors."""

from __future__ import annotations

import pytest

from labelwheel.plugins.errors import ToolRefused
from labelwheel.plugins.label_studio import doubts, ranks
from tests.plugins.label_studio.test_ranks import Manager


def shown(manager: Manager) -> list[int] | None:
    found = [data for data in manager.tabs.values() if data["title"] == doubts.TITLE]
    assert len(found) <= 1
    return [one["value"] for one in found[0]["filters"]["items"]] if found else None


def test_there_is_a_tab_while_there_are_errors() -> None:
    manager = Manager()
    order = ranks.add(manager, None)
    doubts.show(manager, [])
    assert shown(manager) is None
    doubts.show(manager, ["7", "3", "no number"])
    assert shown(manager) == [7, 3]
    doubts.show(manager, ["3"])
    assert shown(manager) == [3]
    doubts.show(manager, [])
    assert shown(manager) is None
    assert order in manager.tabs
    assert [data["title"] for data in manager.tabs.values()] == ["Default", ranks.TITLE]


def test_of_many_the_first_are_shown() -> None:
    manager = Manager()
    doubts.show(manager, [str(number) for number in range(1, 300)])
    assert shown(manager) == list(range(1, doubts.SHOWN + 1))
    doubts.remove(manager)
    doubts.remove(manager)
    assert shown(manager) is None


def test_beside_no_other_tab_it_is_not_the_only_one() -> None:
    manager = Manager()
    doubts.show(manager, ["3"])
    assert [data["title"] for data in manager.tabs.values()] == ["Default", doubts.TITLE]


class Forbidding(Manager):
    """Shows its tabs, and lets nobody change them."""

    def send(self, method: str, path: str, body: object = None) -> None:
        raise ToolRefused("Label Studio does not let this token's owner do that")


def test_what_label_studio_refuses_is_told_and_disconnecting_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    manager = Forbidding()
    with pytest.raises(ToolRefused):
        doubts.show(manager, ["3"])
    doubts.show(manager, [])  # nothing is there, so nothing is to be done
    manager.tabs[4] = {"title": doubts.TITLE}
    with pytest.raises(ToolRefused):
        doubts.show(manager, [])
    doubts.remove(manager)
    assert "stays" in caplog.text
