from __future__ import annotations

from labelwheel.backend.replay.outcome import Outcome, Point, RoundOutcome, body


def outcome(name: str, scores: dict[int, float], accepted: list[bool]) -> Outcome:
    found = Outcome(name, "accuracy", accepted)
    found.curve = [Point(labels, score, 50) for labels, score in scores.items()]
    return found


def ended(state: str, before: float | None, after: float | None, recipe: str = "auto") -> RoundOutcome:
    return RoundOutcome("v", recipe, 10, state, "", before, after, 50)


def test_what_is_saved_is_counted_against_the_first_policy() -> None:
    first = outcome("a", {0: 0.5, 50: 0.7, 100: 0.8}, [True] * 60 + [False] * 40)
    # it is above nine tenths of the first one's last score for good from 30 labels on
    other = outcome("b", {0: 0.75, 20: 0.6, 30: 0.74, 100: 0.9}, [True] * 100)
    never = outcome("c", {0: 0.5, 100: 0.6}, [False] * 100)
    rows = body([first, other, never])
    assert [row["needed"] for row in rows] == [100, 30, None]
    assert [row["labels_saved"] for row in rows] == [0, 70, None]
    assert rows[0]["accepted_share"] == {"100": 0.6, "300": None, "all": 0.6}


def test_a_promotion_after_the_last_label_counts_at_the_end() -> None:
    found = outcome("a", {0: 0.5, 80: 0.8}, [])
    found.add(Point(80, 0.9, 50))
    assert [point.labels for point in found.curve] == [0, 80]
    assert found.final == 0.9


def test_a_swap_is_bad_where_it_is_worse_on_what_came_later() -> None:
    found = outcome("a", {}, [])
    found.rounds = [
        ended("promoted", 0.5, 0.4, "names"), ended("promoted", 0.5, 0.6), ended("promoted", 0.6, 0.5),
        ended("rejected", 0.6, 0.5), ended("rejected", 0.6, 0.7), ended("rejected", None, None),
        ended("failed", 0.5, 0.4),
    ]  # fmt: skip
    assert found.counts() == {"rounds": 6, "promoted": 2, "bad swaps": 1, "bad swaps stopped": 1}
    (row,) = body([found])
    assert row["counts"]["bad_swaps_stopped"] == 1
    assert len(row["rounds"]) == 7
