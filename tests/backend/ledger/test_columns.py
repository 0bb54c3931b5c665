"""Which columns of a labelling tool are kept, and that no others are."""

from __future__ import annotations

import pytest

from labelwheel.backend.database.engine import Database
from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.ledger import columns
from labelwheel.backend.settings import load
from labelwheel.plugins.connector import Page
from tests.backend.ledger.helpers import Ledger


@pytest.fixture
def ledger(database: Database) -> Ledger:
    ledger = Ledger(database)
    ledger.tool.add("the match in Rome", "a vote in Paris", "nothing at all")
    return ledger


def test_what_is_no_name_of_ours_is_a_column_and_they_are_counted_at_start() -> None:
    found = load(slices="source=web, length=under 40 characters", groups="annotator, metadata.length, source")
    assert columns.named(found) == {"source": "source", "metadata.length": "length"}
    assert columns.named(load()) == {}
    with pytest.raises(InvalidSettings, match=r"LABELWHEEL_GROUPS: .*25 columns of the labelling tool are named"):
        load(groups=", ".join(f"c{number}" for number in range(25)))


def test_of_what_the_tool_has_beside_the_text_only_what_is_named_is_kept(ledger: Ledger) -> None:
    ledger.columns = {"source": "source", "metadata.project": "project"}
    ledger.tool.describe("1", {"source": "web", "project": "blue", "name": "Jane Doe"})
    ledger.poll()
    assert ledger.examples["1"].columns == {"source": "web", "metadata.project": "blue"}
    assert [ledger.examples[key].columns for key in "23"] == [None, None]
    before = ledger.examples["1"]
    ledger.tool.describe("1", {"source": "mail"})
    ledger.fetch("1")
    found = ledger.examples["1"]
    assert found.columns == {"source": "mail"}
    assert (found.group, found.part, found.digest) == (before.group, before.part, before.digest)
    assert ledger.events == []


def test_what_is_named_later_comes_with_a_sweep_and_what_is_not_any_more_goes(ledger: Ledger) -> None:
    ledger.tool.describe("2", {"source": "web", "stars": 4})
    for named, kept in (({}, None), ({"stars": "stars"}, {"stars": "4"}), ({}, None)):
        ledger.columns = named
        ledger.sweep()
        assert ledger.examples["2"].columns == kept


def test_what_is_gone_keeps_nothing(ledger: Ledger) -> None:
    ledger.columns = {"source": "source"}
    ledger.tool.describe("2", {"source": "web"})
    ledger.poll()
    ledger.take(Page(gone=("2",), cursor="9"))
    assert (ledger.examples["2"].gone, ledger.examples["2"].columns) == (True, None)
