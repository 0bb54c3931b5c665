from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from labelwheel.plugins.connector import Work
from labelwheel.plugins.label_studio import annotations
from labelwheel.plugins.label_studio.annotations import moment, work_of
from labelwheel.plugins.label_studio.layout import read
from labelwheel.plugins.label_studio.regions import decode, region_id

LAYOUT = read(
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text"><Choice value="good"/>'
    '<Choice value="bad"/></Choices><Labels name="who" toName="text"><Label value="PER"/></Labels></View>'
)


def mood(choice: str, origin: str | None = None, **more: Any) -> dict[str, Any]:
    return {"from_name": "mood", "value": {"choices": [choice]}, **({"origin": origin} if origin else {}), **more}


def who(start: int, end: int, origin: str | None = None) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": ["PER"]}
    return {"from_name": "who", "value": value, **({"origin": origin} if origin else {})}


def works(made: Any, predictions: Any = None) -> list[Work]:
    task = {"id": 5, "data": {"text": "Jane and Bob"}, "annotations": made, "predictions": predictions}
    return list(work_of(LAYOUT, task, LAYOUT.example("5", task["data"])))


def origins(result: list[Any], shown: list[Any] | None, parent: int | None = 1) -> dict[str, str]:
    predictions = [] if shown is None else [{"id": 1, "model_version": "g1", "result": shown}]
    (work,) = works([{"id": 9, "result": result, "parent_prediction": parent}], predictions)
    return dict(work.origins)


def test_an_annotation() -> None:
    (work,) = works(
        [
            {
                "id": 9,
                "result": [mood("good")],
                "completed_by": {"id": 4, "email": "someone@example.com"},
                "created_at": "2026-11-21T19:37:22.947909Z",
                "updated_at": "2026-11-21T20:37:22Z",
                "lead_time": 3,
                "was_cancelled": False,
            }
        ]
    )
    assert work == Work(
        key="9",
        example="5",
        annotator="label-studio:4",
        created_at=datetime(2026, 11, 21, 19, 37, 22, 947909, UTC),
        updated_at=datetime(2026, 11, 21, 20, 37, 22, tzinfo=UTC),
        lead_time=3.0,
        answers={"mood": "good", "who": []},
        silent=("who",),
        origins={"mood": "made", "who": "made"},
    )


def test_saying_nothing_is_told_from_saying_none_of_them() -> None:
    silent, said = works([{"id": 1, "result": []}, {"id": 2, "result": [who(0, 4)]}])
    assert (dict(silent.answers), silent.silent) == ({"who": []}, ("who",))
    assert said.silent == ()


@pytest.mark.parametrize("made", [None, [], "x", [3, None]])
def test_no_annotations(made: Any) -> None:
    assert works(made) == []


def test_skipped_and_odd_ones() -> None:
    skipped, odd = works(
        [
            {"id": 1, "result": [mood("good")], "was_cancelled": True},
            {"id": 2, "result": None, "completed_by": None, "lead_time": "long", "updated_at": "yesterday"},
        ]
    )
    assert (skipped.skipped, dict(skipped.answers)) == (True, {})
    assert (odd.annotator, odd.lead_time, dict(odd.answers)) == ("label-studio:nobody", None, {"who": []})


def test_origins_by_what_was_shown() -> None:
    shown = [mood("good"), who(0, 4), who(9, 12)]
    accepted = [mood("good", "prediction"), who(0, 4, "prediction"), who(9, 12, "prediction")]
    assert origins(accepted, shown) == {"mood": "accepted", "who": "accepted"}
    assert origins([mood("bad", "prediction-changed"), *accepted[1:]], shown)["mood"] == "changed"
    assert origins(accepted[:2], shown)["who"] == "changed"
    assert origins([*accepted, who(5, 8, "manual")], shown)["who"] == "changed"
    assert origins(accepted[:1], [mood("good")]) == {"mood": "accepted", "who": "made"}


def test_white_space_that_was_dragged_along_is_no_change_and_stays_in_the_answer() -> None:
    result = [mood("good"), who(0, 5, "prediction-changed"), who(8, 12, "prediction-changed")]
    predictions = [{"id": 1, "model_version": "g1", "result": [mood("good"), who(0, 4), who(9, 12)]}]
    (work,) = works([{"id": 9, "result": result, "parent_prediction": 1}], predictions)
    assert work.origins["who"] == "accepted"
    assert [(one["start"], one["end"]) for one in work.answers["who"]] == [(0, 5), (8, 12)]
    assert origins([mood("good"), who(0, 3), who(8, 12)], predictions[0]["result"])["who"] == "changed"


def test_origins_by_marks_where_what_was_shown_is_gone() -> None:
    assert origins([mood("good", "prediction")], None, None)["mood"] == "accepted"
    assert origins([mood("good", "prediction-changed")], None, None)["mood"] == "changed"
    assert origins([who(0, 4, "prediction"), who(9, 12, "manual")], None, None)["who"] == "changed"
    assert origins([mood("good", "manual")], None, None)["mood"] == "made"


def test_what_was_suggested_is_told_as_long_as_it_is_there() -> None:
    shown = [mood("good"), who(0, 4)]
    (work,) = works([{"id": 9, "result": [mood("bad")], "parent_prediction": 1}], [{"id": 1, "result": shown}])
    assert dict(work.suggested) == {"mood": "good", "who": [{"start": 0, "end": 4, "label": "PER"}]}
    (work,) = works([{"id": 9, "result": [mood("bad", "prediction-changed")], "parent_prediction": None}])
    assert dict(work.suggested) == {}


def test_the_version_survives_the_prediction() -> None:
    region = mood("good", "prediction", id=region_id("5", "mood", "g.7", 0))
    (work,) = works([{"id": 9, "result": [region], "parent_prediction": None}])
    assert work.version == "g.7"
    (work,) = works([{"id": 9, "result": [region], "parent_prediction": 1}], [{"id": 1, "model_version": "g8"}])
    assert work.version == "g8"


def test_moments() -> None:
    assert moment("2026-11-21T19:37:22.5+01:00") == datetime(2026, 11, 21, 18, 37, 22, 500000, UTC)
    assert moment("2026-11-21T19:37:22").tzinfo is UTC
    assert moment(None) == moment("never") == datetime(1970, 1, 1, tzinfo=UTC)
    assert moment("0001-01-01T00:00:00+14:00").year == 1970, "a time before all times"


def test_one_annotation_that_cannot_be_read_is_rejected_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Any:
        if arguments[1][0]["value"]["choices"] == ["bad"]:
            raise KeyError("anything at all")
        return decode(*arguments)

    monkeypatch.setattr(annotations, "decode", broken)
    at = "2026-11-21T20:37:22Z"
    first, second = works(
        [{"id": one, "result": [mood(said)], "updated_at": at} for one, said in ((1, "bad"), (2, "good"))]
    )
    assert (first.key, dict(first.answers), first.updated_at) == ("1", {}, moment(at))
    assert "anything at all" in first.rejected[0]
    assert second.answers["mood"] == "good"


@pytest.mark.parametrize(
    "annotation",
    [
        {"lead_time": 10**400},
        {"parent_prediction": [1]},
        {"result": [mood("good", id="lw0123456789-xyz")]},
        {"result": 3},
        {"created_at": 10**400},
        {"completed_by": {"id": [1]}},
    ],
)
def test_odd_annotations_are_work_all_the_same(annotation: dict[str, Any]) -> None:
    first, second = works([{"id": 1, **annotation}, {"id": 2, "result": [mood("good")]}, {"result": [mood("good")]}])
    assert (first.key, first.version) == ("1", None)
    assert second.answers["mood"] == "good"
