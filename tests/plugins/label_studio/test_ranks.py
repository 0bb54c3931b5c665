"""The tab that shows which tasks come next."""

from __future__ import annotations

import itertools
import logging

import pytest

from labelwheel.plugins.errors import ToolError, ToolFailed
from labelwheel.plugins.label_studio import ranks
from labelwheel.plugins.label_studio.connector import LabelStudio
from labelwheel.plugins.label_studio.layout import read

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text"><Choice value="good"/>'
    '<Choice value="bad"/></Choices></View>'
)


class Manager:
    """A Data Manager in memory: its tabs, and tasks with one prediction each."""

    id = 5

    def __init__(self, count=0):
        self.client = self
        self.layout = read(CONFIG)
        self.tabs = {}
        self.numbers = itertools.count(1)
        self.rows = [self.task(number) for number in range(1, count + 1)]
        self.asked = 0
        self.torn = False

    @staticmethod
    def task(number):
        choice = {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}
        older = {"id": 1, "score": 0.01, "result": []}
        newest = {"id": 2, "score": (number * 37 % 101) / 100, "result": [choice]}
        return {"id": number, "data": {"text": f"text {number}"}, "predictions": [newest, older]}

    def get(self, path, params):
        assert path == "/api/dm/views/"
        return [{"id": number, "project": 5, "data": data} for number, data in self.tabs.items()]

    def send(self, method, path, body=None):
        if method == "POST":
            number = next(self.numbers)
            self.tabs[number] = body["data"]
            return {"id": number}
        number = int(path.strip("/").split("/")[-1])
        if number not in self.tabs:
            missing = ToolError("Not found.")
            missing.http_status = 404
            raise missing
        if method == "DELETE":
            del self.tabs[number]
        else:
            self.tabs[number] = body["data"]
        return None

    def tasks(self, *filters, order="tasks:id", size=100, page=1, include=""):
        self.asked += 1
        if self.torn and "score" in order:
            raise ToolFailed("Label Studio answered with 500")
        after = max((each["value"] for each in filters if each["filter"] == "filter:tasks:id"), default=0)
        rows = [row for row in self.rows if row["id"] > after]
        if "score" in order:
            rows.sort(key=lambda row: row["predictions"][0]["score"])
        if order.startswith("-"):
            rows.reverse()
        found = rows[(page - 1) * size : page * size]
        if not found and page > 1:
            missing = ToolError("Invalid page.")
            missing.http_status = 404
            raise missing
        return found

    def batch(self, *filters, size, include):
        from labelwheel.plugins.label_studio.project import Batch

        found = self.tasks(*filters, size=size)
        return Batch(found, (), [row["id"] for row in found])


def shown(manager, tab):
    assert manager.tabs[tab]["ordering"] == ["tasks:predictions_score"]
    items = manager.tabs[tab]["filters"]["items"]
    assert manager.tabs[tab]["filters"]["conjunction"] == "or"
    for each in items:  # what is labelled leaves the tab by itself
        assert each["child_filter"]["filter"] == "filter:tasks:total_annotations"
    return [each["value"] for each in items]


def test_the_tab_is_made_once_beside_everybodys_own():
    manager = Manager()
    tab = ranks.add(manager, None)
    assert [data["title"] for data in manager.tabs.values()] == ["Default", ranks.TITLE]
    assert ranks.add(manager, tab) == ranks.add(manager, None) == tab
    mine = Manager()
    mine.tabs[next(mine.numbers)] = {"title": "Mine"}
    other = ranks.add(mine, None)
    assert [data["title"] for data in mine.tabs.values()] == ["Mine", ranks.TITLE]
    ranks.remove(mine, other)
    ranks.remove(mine, other)
    assert [data["title"] for data in mine.tabs.values()] == ["Mine"]


def test_a_tab_that_cannot_be_made_costs_nothing_else(caplog):
    manager = Manager()
    manager.send = lambda *_: (_ for _ in ()).throw(ToolError("no"))
    assert ranks.add(manager, None) is None
    assert "no order is shown" in caplog.text
    manager.tabs[1] = {"title": ranks.TITLE}
    ranks.remove(manager, 1)
    assert "stays" in caplog.text


def test_the_first_are_in_the_tab():
    manager = Manager()
    tab = ranks.add(manager, None)
    assert shown(manager, tab) == [0]
    ranks.rank(manager, tab, [str(number) for number in range(100, 300)])
    assert shown(manager, tab) == list(range(100, 100 + ranks.NEXT))
    ranks.rank(manager, tab, ["7", "no number"])
    assert shown(manager, tab) == [7]
    ranks.rank(manager, tab, [])
    assert shown(manager, tab) == [0]


def test_a_tab_that_somebody_has_deleted_stays_away(caplog):
    caplog.set_level(logging.INFO)
    manager = Manager()
    tab = ranks.add(manager, None)
    del manager.tabs[tab]
    ranks.rank(manager, tab, ["7"])
    assert tab not in manager.tabs
    assert "connect again" in caplog.text


def test_a_candidate_is_what_the_newest_prediction_says():
    manager = Manager(3)
    manager.rows[2]["predictions"] = []
    first, _, bare = ranks.candidates(manager)
    assert (first.key, first.text, first.score, first.answers) == ("1", "text 1", 0.37, ("mood good",))
    assert (bare.key, bare.score, bare.answers) == ("3", 0.0, ())


@pytest.mark.parametrize("count", [0, 1, ranks.PAGE, ranks.WHOLE])
def test_all_open_tasks_are_candidates_while_they_are_not_many(count):
    found = [each.key for each in ranks.candidates(Manager(count))]
    assert found == [str(number) for number in range(1, count + 1)]


def test_of_many_the_least_sure_ones_and_a_sample_that_stays():
    manager = Manager(30_000)
    found = [each.key for each in ranks.candidates(manager)]
    assert len(found) == len(set(found)) <= ranks.WHOLE
    assert manager.asked < 40
    least = {str(row["id"]) for row in manager.rows if row["predictions"][0]["score"] < 0.03}
    assert least <= set(found)
    others = [int(key) for key in found[ranks.WHOLE // 2 :]]
    assert min(others) < 6000
    assert max(others) > 24_000
    manager.rows = manager.rows[:-1]
    assert len(set(found) & {each.key for each in ranks.candidates(manager)}) > ranks.WHOLE * 0.9
    manager.torn = True
    assert len(list(ranks.candidates(manager))) > ranks.WHOLE / 3


def test_nothing_is_written_anew_that_is_shown_already(monkeypatch):
    written = []
    monkeypatch.setattr(ranks, "rank", lambda project, tab, keys: written.append((tab, list(keys))))
    connector = LabelStudio.__new__(LabelStudio)
    connector._project, connector._options, connector._shown = Manager(3), {"tab": 9}, None
    for keys in (["1", "2"], ["2", "1"], ["3"]):
        connector.rank(keys)
    assert written == [(9, ["1", "2"]), (9, ["3"])]
    connector._options = {}
    connector.rank(["1"])
    assert list(connector.candidates()) == []
    assert len(written) == 2
