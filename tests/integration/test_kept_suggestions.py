"""What is filled in in Label Studio is what the page of examples says of tasks that nobody has labelled yet."""

from __future__ import annotations

import pytest

from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.stage import Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_suggestions_and_scores_are_those_of_label_studio(studio: LabelStudioServer, quick: dict[str, str]) -> None:
    with LabelwheelServer(environment=quick) as wheel:
        stage = Stage(studio, wheel, tasks=20, labelled=2)
        stage.backfilled()
        asked = {"project": stage.project, "page_size": 100, "fields": "all"}
        tasks = studio.api("GET", "/api/tasks", params=asked)["tasks"]
        filled = {
            str(task["id"]): (one["model_version"], one["result"][0]["value"]["choices"], round(one["score"], 4))
            for task in tasks
            for one in task["predictions"]
            if not task["is_labeled"] and one["result"]
        }
        path = f"/api/v1/projects/{stage.number}/examples"
        found = wheel.call("GET", f"{path}?question=topic&score_from=0").json()["examples"]
        told = {
            row["key"]: (said["version"], [said["says"]], round(said["score"], 4))
            for row in found
            if (said := row["suggested"]) is not None
        }
        assert len(filled) >= 15
        assert {key: told.get(key) for key in filled} == filled
        least = min(score for _, _, score in filled.values())
        surer = wheel.call("GET", f"{path}?question=topic&score_from={least + 1e-4}").json()["examples"]
        assert 0 < len(surer) < len(found)
