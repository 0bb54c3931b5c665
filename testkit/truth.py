"""What is true, read without the code that is tested: Label Studio's export, and the rows and files of labelwheel."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from labelwheel.training.checkpoints.store import Store
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer

Labels = dict[tuple[str, str], dict[str, Any]]
"""By annotation and question: example, annotator and answer."""

OVER = ("promoted", "rejected", "failed", "cancelled")


def rows(wheel: LabelwheelServer, query: str, *values: Any) -> list[dict[str, Any]]:
    """Rows of the service's database; JSON columns come as text."""
    if url := wheel.environment.get("LABELWHEEL_DATABASE"):
        return _postgresql(url, query, values)
    with closing(sqlite3.connect(f"file:{wheel.home / 'labelwheel.db'}?mode=ro", uri=True, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


def _postgresql(url: str, query: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    import psycopg  # here: the tests of a GPU run where there is none
    from psycopg.rows import dict_row
    from psycopg.types.json import set_json_loads

    place = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with closing(psycopg.connect(place, row_factory=dict_row)) as connection:
        set_json_loads(lambda text: text.decode() if isinstance(text, bytes) else text, connection)
        return connection.execute(query.replace("?", "%s"), values).fetchall()


def labelled(studio: LabelStudioServer, project: int) -> Labels:
    """The labels that Label Studio has: one for each submitted annotation and question, none for what was skipped."""
    tasks = studio.api(
        "GET", f"/api/projects/{project}/export", params={"exportType": "JSON", "download_all_tasks": "true"}
    )
    controls = studio.project(project)["parsed_label_config"]
    found: Labels = {}
    for task in tasks:
        for annotation in task["annotations"]:
            if annotation["was_cancelled"]:
                continue
            for name, control in controls.items():
                answer = _answer(control["type"], [one for one in annotation["result"] if one["from_name"] == name])
                if answer is not None:
                    found[str(annotation["id"]), name] = {
                        "example": str(task["id"]),
                        "annotator": f"label-studio:{annotation['completed_by']}",
                        "answer": answer,
                    }
    return found


def ledger(wheel: LabelwheelServer, number: int = 1) -> Labels:
    """The current labels of a project in the ledger."""
    return {
        (row["work_key"], row["question"]): _label(row)
        for row in rows(wheel, "SELECT * FROM labels WHERE project_id = ?", number)
    }


def replayed(wheel: LabelwheelServer, number: int = 1) -> Labels:
    """What the current labels must be by the events alone."""
    found: Labels = {}
    for row in rows(wheel, "SELECT * FROM events WHERE project_id = ? ORDER BY id", number):
        place = row["work_key"], row["question"]
        known = place in found
        assert known == (row["action"] != "created"), f"event {row['id']}: {row['action']}, but known is {known}"
        if row["action"] == "deleted":
            del found[place]
        else:
            found[place] = _label(row)
    return found


def events(wheel: LabelwheelServer) -> int:
    """How many events the ledger has."""
    return int(rows(wheel, "SELECT count(*) AS n FROM events")[0]["n"])


def difference(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    """What is not the same in two mappings; empty where they agree."""
    keys = sorted(one.keys() | other.keys())
    return {key: (one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)}


def check_sound(wheel: LabelwheelServer) -> None:
    """What must hold whenever nothing is under way, whatever happened before: no half of anything."""
    rounds = rows(wheel, "SELECT * FROM rounds ORDER BY id")
    assert [row["state"] for row in rounds if row["state"] not in OVER] == []
    assert wheel.processes("job") == [], "a job runs that no round knows of"
    ended = [row for row in rows(wheel, "SELECT * FROM decisions") if row["kind"] in ("promoted", "rejected", "failed")]
    decided = sorted(json.loads(row["details"])["round"] for row in ended)
    assert decided == [row["id"] for row in rounds if row["state"] != "cancelled"], "a round was not decided just once"
    known = {row["version"]: row for row in rows(wheel, "SELECT * FROM checkpoints")}
    assert sorted(known) == sorted(row["version"] for row in rounds if row["state"] == "promoted")
    with tempfile.TemporaryDirectory() as cache:
        check_store(store(wheel, Path(cache)), known)
    (project,) = wheel.status()["projects"]
    version = project["version"]
    assert [version["current"]] == version["served"] == [version["announced"]]


def store(wheel: LabelwheelServer, cache: Path) -> Store:
    """Where the service keeps its checkpoints, seen by itself."""
    return Store(wheel.environment.get("LABELWHEEL_STORE", str(wheel.home / "checkpoints")), cache)


def check_store(store: Store, known: Mapping[str, Mapping[str, Any]]) -> None:
    """Every folder is a whole checkpoint that the database knows, and each that is kept and not broken is there.

    What lies behind a URL is read with the credentials of this process.
    """
    present = set(store.names())
    assert present <= {version for version, row in known.items() if not row["removed"]}
    assert present >= {version for version, row in known.items() if not row["removed"] and not row["broken"]}
    for version in present:
        if not known[version]["broken"]:
            assert store.read(version).manifest.version == version


def generation_of(version: str | None) -> str:
    """The generation that a version is of: a revision has its name, a point and a number."""
    return (version or "").partition(".")[0]


def shown_version(studio: LabelStudioServer, project: int) -> tuple[str, str]:
    """The version as Label Studio has it: the project's, and the ML backend's title."""
    (backend,) = studio.api("GET", "/api/ml", params={"project": project})
    return studio.project(project)["model_version"], backend["title"]


def wait_until_shown(wheel: LabelwheelServer, studio: LabelStudioServer, project: int, version: str) -> None:
    """Wait for Label Studio to name a version; it forgets it for the moment in which an old one's predictions go."""
    wheel.until(lambda: set(shown_version(studio, project)) == {version}, 60, f"Label Studio does not show {version}")


def _label(row: Mapping[str, Any]) -> dict[str, Any]:
    answer = row["answer"]
    if isinstance(answer, str):  # SQLite makes a number of a rating's JSON
        answer = json.loads(answer)
    return {"example": row["example_key"], "annotator": row["annotator"], "answer": _sorted(answer)}


def _answer(kind: str, regions: Sequence[Mapping[str, Any]]) -> Any:
    if kind == "Labels":
        spans = [{**{key: one["value"][key] for key in ("start", "end")}, "label": one["value"]["labels"][0]}
                 for one in regions]  # fmt: skip
        return _sorted(spans)
    assert kind == "Choices", f"{kind} is not read here"
    return regions[0]["value"]["choices"][0] if regions else None


def _sorted(answer: Any) -> Any:
    if isinstance(answer, list):
        return sorted(answer, key=place)
    return answer


def place(item: Any) -> Any:
    """What items of an answer are sorted by to be compared: spans by their place in the text."""
    return (item["start"], item["end"], item["label"]) if isinstance(item, Mapping) else json.dumps(item)
