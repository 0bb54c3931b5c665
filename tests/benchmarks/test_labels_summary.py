"""What is said of the figures of ways of learning: by hand on made-up runs."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.labels import kept, plot
from benchmarks.labels.kept import Run
from benchmarks.labels.methods import OURS, STOCK
from benchmarks.labels.summary import accepted, beside, costs, falls, points, reached, rounds, told


def run(labels: int, method: str, score: float, seed: int = 0, cpu: float = 0.0) -> Run:
    return Run("toys", seed, labels, method, score, score, cpu)


def test_ours_is_compared_with_the_best_other_on_the_seeds_that_both_have() -> None:
    runs = [
        *(run(16, OURS, score, seed) for seed, score in enumerate((0.5, 0.7, 0.1))),
        *(run(16, "setfit", score, seed) for seed, score in enumerate((0.6, 0.9))),
        *(run(16, "names", 0.2, seed) for seed in range(3)),
        *(run(16, "fast lane", 0.99, seed) for seed in range(3)),
    ]
    ((where, (best, apart)),) = beside(points(runs)).items()
    assert where == ("toys", 16)
    assert best == "setfit"
    assert apart.value == pytest.approx(-0.15)
    assert apart.error == pytest.approx(0.05)
    assert apart.below


def test_a_point_below_the_one_with_fewer_labels_is_told_unless_it_is_noise() -> None:
    worse = [run(count, OURS, score, seed) for seed in range(3) for count, score in ((0, 0.5), (8, 0.4), (16, 0.6))]
    assert [each[:3] for each in falls(points(worse))] == [("toys", 0, 8)]
    noisy = [
        run(count, OURS, score, seed)
        for seed, after in enumerate((0.3, 0.6, 0.55))
        for count, score in ((0, 0.5), (8, after))
    ]
    assert falls(points(noisy)) == []


def test_stock_learns_from_all_labels_each_time() -> None:
    runs = [run(16, OURS, 0.5, cpu=32.0), run(8, STOCK, 0.5, cpu=8.0), run(16, STOCK, 0.5, cpu=16.0)]
    found = costs(points(runs), "toys")
    assert found is not None
    assert found["ours"] == 2.0
    assert found["stock, after each label"] == pytest.approx(sum(range(1, 17)) / 16)
    assert found["stock, at our rounds"] == pytest.approx(1.0)
    assert costs(points(runs[:1]), "toys") is None


def test_labels_to_a_share_of_the_full_score_lie_between_two_points() -> None:
    runs = [
        *(run(count, STOCK, score) for count, score in ((64, 0.4), (512, 0.6), (2000, 1.0))),
        *(run(count, OURS, score) for count, score in ((0, 0.5), (32, 0.8), (64, 1.0))),
        *(run(count, "names", 0.95) for count in (0, 512)), run(512, "setfit", 0.8),
    ]  # fmt: skip
    there = points(runs)
    assert reached(there, "toys", OURS) == pytest.approx(48)
    assert reached(there, "toys", STOCK) == pytest.approx(512 + 0.75 * 1488)
    assert reached(there, "toys", "names") == 0
    assert reached(there, "toys", "setfit") is None
    assert reached(points(runs[:2] + runs[3:]), "toys", OURS) is None, "without a full score nothing is known"


def test_rounds_begin_as_the_policy_says() -> None:
    assert rounds(40) == [16, 20, 25, 32, 40]


def test_each_label_was_suggested_by_what_was_learnt_before_it() -> None:
    runs = [run(0, OURS, 0.2), run(100, OURS, 0.5), run(200, OURS, 0.8), run(512, OURS, 1.0)]
    assert accepted(points(runs), "toys", OURS) == pytest.approx(0.5)
    assert accepted(points(runs[1:]), "toys", OURS) == pytest.approx(1.3 / 3)
    assert accepted(points(runs[:2]), "toys", OURS) is None


def test_runs_are_kept_with_what_they_say_and_drawn(tmp_path: Path) -> None:
    runs = [run(count, method, 0.5) for count in (8, 16) for method in (OURS, STOCK)]
    kept.write(tmp_path / "labels.json", runs, **told(runs))
    assert kept.read(tmp_path / "labels.json") == sorted(runs)
    assert kept.read(tmp_path / "none.json") == []
    plot.draw(runs, tmp_path / "labels.svg")
    found = ElementTree.parse(tmp_path / "labels.svg").getroot()
    lines = [each for each in found.iter() if each.tag.endswith("polyline")]
    assert len(lines) == 2
    assert all(len(each.attrib["points"].split()) == 2 for each in lines)
