"""What does not fit one process is trained in shards where there are others, and given up where there are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.training import memory
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.ranks import crew
from labelwheel.training.ranks.crew import Crew
from labelwheel.training.ranks.place import Place
from labelwheel.training.strategies import footprint
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.low_rank import LowRank
from tests.training.models import rows, tiny_bert
from tests.training.strategies.test_contrastive import given


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> Crew:
    found = Crew(Place(0, 4, 0, {}))
    monkeypatch.setattr(crew, "_present", found)
    return found


def test_four_shards_take_less_than_the_whole(folder: Path) -> None:
    base = given(folder, rows(3)).base
    whole = sum(each.numel() for each in base.parameters())
    assert footprint.of_shard(base, 2) == 12 * whole
    assert footprint.of_shard(base, 4) == footprint.of_shard(base, 16) == 8 * whole


@pytest.mark.parametrize(("total", "free", "applies"), [(4, 9, True), (4, 7, False), (1, 9, False), (1, 21, True)])
def test_it_is_tried_where_a_shard_fits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, four: Crew, total: int, free: int, applies: bool
) -> None:
    there = given(folder, rows(3))
    # of this small model most is the table of tokens, which is not trained
    monkeypatch.setattr(footprint, "of_whole", lambda model: 20 * sum(p.numel() for p in model.parameters()))
    size = sum(each.numel() for each in there.base.parameters())
    monkeypatch.setattr(memory, "free", lambda device: free * size)
    if total == 1:
        monkeypatch.setattr(crew, "_present", None)
    strategy = FromBase(there)
    assert strategy.applies() is applies
    if applies:
        assert strategy.start().sharded is (total > 1)
        assert not LowRank(there).start().sharded, "adapters are small"


def test_where_nobody_helps_it_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch, four: Crew) -> None:
    there = given(folder, rows(3))
    tuned = FromBase(there).start()
    tuned.sharded = True
    monkeypatch.setattr(four, "_gone", "3 of them did not come")
    with pytest.raises(OutOfMemory, match="not split over 4 processes: 3 of them did not come"):
        tuned.step_seconds()
    with pytest.raises(OutOfMemory, match="no other one helps"):
        tuned.final(1)
