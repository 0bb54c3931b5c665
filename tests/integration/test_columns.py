"""What a labelling tool has of an example beside its text is a slice where it is named, on the real servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest

from testkit import argilla_stage, stage, truth
from testkit.argilla import ArgillaServer
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE

pytestmark = [pytest.mark.server, pytest.mark.slow]

TEXTS, LABELLED = 100, 80
SLICES = "source=app, metadata.length=short, price=7 to under 50, sorce=app"


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(
        environment=quick | {"LABELWHEEL_SLICES": SLICES, "LABELWHEEL_SWEEP_MINUTES": "0.2"}
    ) as wheel:
        yield wheel


def test_columns_of_label_studio(studio: LabelStudioServer, wheel: LabelwheelServer) -> None:
    project = stage.Stage(studio, wheel, tasks=TEXTS, labelled=LABELLED)

    def say(number: int, data: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        task = sorted(project.data)[number]
        whole = {"data": {**project.data[task], **data}, "meta": dict(meta)}
        studio.api("PATCH", f"/api/tasks/{task}/", json=whole)

    arrive(wheel, project, say, lambda: [])
    are_reported(wheel, project)


def test_columns_of_argilla(argilla: ArgillaServer, wheel: LabelwheelServer) -> None:
    dataset = argilla_stage.Stage(argilla, wheel, "columns", TEXTS)
    records = {one["id"]: one for one in dataset.records()}

    def say(number: int, data: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        key = dataset.keys[number]
        metadata = records[key]["metadata"] or {}
        ours = {name: value for name, value in metadata.items() if name.startswith("labelwheel")}
        argilla.api("PATCH", f"/records/{key}", json={"metadata": {**ours, **data, **meta}})

    def lost() -> list[int]:
        # Argilla replaces metadata whole, on no condition: of two who write at one moment, the later one wins
        lacking = {one["id"] for one in dataset.records() if "source" not in (one["metadata"] or {})}
        return [number for number, key in enumerate(dataset.keys) if key in lacking]

    arrive(wheel, dataset, say, lost)


def arrive(
    wheel: LabelwheelServer,
    place: stage.Stage | argilla_stage.Stage,
    say: Callable[[int, Mapping[str, Any], Mapping[str, Any]], None],
    lost: Callable[[], list[int]],
) -> None:
    """`say` is someone who gives an example values in the tool, those of `meta` where tasks have such a place.

    `lost` tells the examples for which it has to be said again.
    """
    assert place.state()["absent_columns"] == ["source", "metadata.length", "price", "sorce"]

    def write(numbers: Iterable[int]) -> None:
        for number in numbers:
            source = "app" if number % 2 else "web"
            say(number, {"source": source, "price": number, "name": "Jane Doe"}, {"length": "short"})

    write(range(TEXTS))

    def kept() -> list[dict[str, str]]:
        rows = truth.rows(wheel, "SELECT columns FROM examples WHERE project_id = ? ORDER BY id", place.number)
        return [json.loads(row["columns"] or "{}") if isinstance(row["columns"], str) else {} for row in rows]

    def came() -> bool:
        write(lost())
        return all(kept())

    wheel.until(came, PATIENCE, "the columns did not come")
    assert sorted(kept(), key=lambda one: int(one["price"])) == [
        {"source": "app" if number % 2 else "web", "metadata.length": "short", "price": str(number)}
        for number in range(TEXTS)
    ]
    assert place.state()["absent_columns"] == ["sorce"]
    assert "no new example has a column 'sorce'" in " ".join(wheel.run("status").stdout.split())


def are_reported(wheel: LabelwheelServer, place: stage.Stage) -> None:
    place.promoted()
    found = wheel.call("GET", f"/api/v1/projects/{place.number}/questions/topic/report").json()["report"]
    told = {(row["slice"], row["value"]): row["examples"] for row in found["slices"]}
    assert told.keys() >= {("source", "app"), ("source", "web"), ("price", "7 to under 50")}
    assert ("metadata.length", "short") in told
    assert len([one for one in told if one[0] == "price"]) == 5, "four parts, and the range that was named"
    changes = {one["slice"]: one["examples"] for one in found["champion"]["slices"]} if found["champion"] else {}
    assert not changes or (changes["source"] > 0 and changes["sorce"] == 0)
