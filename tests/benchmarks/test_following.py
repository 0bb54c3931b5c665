"""What the waits of a labelling come to: only labels that a revision could follow count."""

from __future__ import annotations

import pytest

from benchmarks.following import BINS, Answer, Submits, lies_there, told


def wait(changed, *, revised=True, submit=0.2):
    return {"submit": submit, "changed": changed, "training": False, "revised": revised}


def test_labels_before_the_first_revision_do_not_count():
    early = [wait(None, revised=False), wait(None, revised=False), wait(None)]
    found = told({"waits": [*early, wait(0.6), wait(1.2), wait(None)]})
    assert (found["followed"], found["of"]) == (2, 3)
    assert found["worst"] == 1.2
    assert found["histogram"] == {f"{edge:g} s": (edge in (0.75, 1.5)) for edge in BINS}


def test_quantiles_are_of_the_labels_that_were_followed():
    found = told({"waits": [wait(None), *(wait(hundredths / 100) for hundredths in range(101))]})
    assert (found["p50"], found["p95"]) == (0.5, 0.95)
    assert sum(found["histogram"].values()) == 100  # what took no time at all is in none


def test_too_few_are_only_counted():
    assert told({"waits": [wait(None), wait(0.5)]}) == {"followed": 1, "of": 1}
    assert told({"waits": []}) == {"followed": 0, "of": 0}


def test_submit_is_what_is_timed_and_nothing_else():
    asked = []
    submits = Submits(lambda method, path, **more: asked.append((method, path)))
    submits("GET", "/api/tasks/1/annotations/")
    submits("POST", "/me/datasets/1/records/search")
    assert submits.pressed == 0.0
    submits("POST", "/api/tasks/1/annotations/", json={})
    assert submits.pressed > 0.0
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("value", "score", "there"), [("a", 0.5, True), ("a", 0.53, True), ("a", 0.4, False), ("b", 0.5, False)]
)
def test_what_hardly_changed_lies_there_as_it_was(value, score, there):
    assert lies_there({"suggestions": [{"value": value, "score": score}]}, Answer("v2", "a", 0.5)) is there
    assert not lies_there({"suggestions": []}, Answer("v2", "a", 0.5))
