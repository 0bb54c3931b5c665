"""A Label Studio project that is connected to a running labelwheel, and what people and faults do to both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import requests

from demo import messages
from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE

TOPICS = tuple(sorted({row["topic"] for row in messages.rows()}))
TOPIC_CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="topic" toName="text">'
    + "".join(f'<Choice value="{topic}"/>' for topic in TOPICS)
    + "</Choices></View>"
)
GOLD = messages.Gold()
ENOUGH = 110
"""So many labels, one of seven of them held out, that two models can be told apart on what is held out."""


class Stage:
    """`studio` and `wheel` joined by one project; `number` is labelwheel's own id of it."""

    def __init__(
        self,
        studio: LabelStudioServer,
        wheel: LabelwheelServer,
        *,
        config: str = TOPIC_CONFIG,
        tasks: int | None = None,
        labelled: int = 0,
        backend_url: str | None = None,
    ) -> None:
        self.studio, self.wheel, self.backend_url = studio, wheel, backend_url
        self.project = studio.create_project(config)
        self.controls = set(studio.project(self.project)["parsed_label_config"])
        items: list[dict[str, Any]] = [{"data": data} for data in messages.tasks()[:tasks]]
        for item in items[:labelled]:
            item["annotations"] = [{"result": self.gold(item["data"])}]
        studio.import_tasks(self.project, items)
        found = studio.api("GET", "/api/tasks", params={"project": self.project, "page_size": 1000, "fields": "all"})
        self.data: dict[int, dict[str, Any]] = {task["id"]: task["data"] for task in found["tasks"]}
        # labelled from the end on, as the backfill begins at the beginning
        self.unlabelled = [task["id"] for task in found["tasks"] if not task["is_labeled"]]
        self.connect()
        self.number = int(wheel.status()["projects"][-1]["id"])
        self.converged()  # connected is before the labels that are there already are taken in

    def connect(self) -> None:
        """`labelwheel connect`, as people type it."""
        more = ("--backend-url", self.backend_url) if self.backend_url else ()
        done = self.wheel.run(
            "connect", "label-studio", "--url", self.studio.url, "--api-key", self.studio.pat,
            "--project", str(self.project), *more,
        )  # fmt: skip
        assert done.returncode == 0, f"connect: {done.stdout}\n{done.stderr}\n{self.wheel.tail()}"

    # People

    def gold(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The right regions of a task, for the questions that the project asks."""
        return [region for name, regions in GOLD(data).items() if name in self.controls for region in regions]

    def label(self, count: int) -> list[int]:
        """Submit the right answers to so many tasks; returns the annotations' ids."""
        return [self._submit(task) for task in self.take(count)]

    def _submit(self, task: int) -> int:
        """Once more where Label Studio's SQLite is busy with the predictions that come in, as people press twice."""
        for attempt in range(10):
            try:
                return int(self.studio.submit(task, self.gold(self.data[task]))["id"])
            except AssertionError as error:
                if "database is locked" not in str(error) or attempt == 9:
                    raise
        raise AssertionError("unreachable")

    def take(self, count: int) -> list[int]:
        """Tasks that nobody has labelled yet."""
        return [self.unlabelled.pop() for _ in range(count)]

    # Rounds

    def order(self, question: str = "topic") -> int:
        """Order a round; returns its number."""
        answer = self.wheel.call("POST", f"/api/v1/projects/{self.number}/questions/{question}/train")
        assert answer.status_code == 202, answer.text
        return int(answer.json()["id"])

    def round(self, number: int) -> dict[str, Any]:
        """A round's row."""
        return truth.rows(self.wheel, "SELECT * FROM rounds WHERE id = ?", number)[0]

    def ended(self, number: int, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait for a round to end; its row."""

        def over() -> dict[str, Any] | None:
            row = self.round(number)
            return row if row["state"] in truth.OVER else None

        return dict(self.wheel.until(over, seconds, f"round {number} did not end"))

    def promoted(self) -> dict[str, Any]:
        """One whole round that promotes, up to the announcement."""
        row = self.ended(self.order())
        assert row["state"] == "promoted", f"{row['reason']}\n{self.wheel.tail()}"
        self.converged()
        return row

    # The state of things

    def state(self) -> dict[str, Any]:
        """What `labelwheel status` says of the project."""
        return next(each for each in self.wheel.status()["projects"] if each["id"] == self.number)

    def decisions(self, kind: str) -> list[dict[str, Any]]:
        """All decisions of a kind, the oldest first."""
        query = "SELECT * FROM decisions WHERE project_id = ? AND kind = ? ORDER BY id"
        return truth.rows(self.wheel, query, self.number, kind)

    def converged(self) -> None:
        """Wait until ledger, champion, served, announced and shown version agree, and check that nothing is half."""
        apart: Any = "not looked yet"

        def agree() -> bool:
            nonlocal apart
            # asked first: what the database says of a web process that was just killed is some seconds old
            answer = self.wheel.call("POST", "/setup", json={"project": self.reference})
            answers = truth.generation_of(answer.json().get("model_version"))
            state = self.state()
            version = state["version"]
            active = [each["round"]["id"] for each in state["questions"] if each["round"]]
            shown = truth.shown_version(self.studio, self.project)
            named = {name: version[name] for name in ("current", "announced")}
            names = {"answers": answers, **named, "served": ", ".join(version["served"])}
            names |= dict(zip(("project", "title"), shown, strict=True))
            labels = truth.difference(truth.labelled(self.studio, self.project), truth.ledger(self.wheel, self.number))
            jobs = self.wheel.processes("job")
            apart = {"active rounds": active, "versions": names, "labels": labels, "jobs": jobs}
            return not active and len(set(names.values())) == 1 and not labels and not jobs

        try:
            self.wheel.until(agree, PATIENCE, "it did not converge")
        except AssertionError as error:
            raise AssertionError(f"{apart}\n{error}") from None
        assert truth.difference(truth.ledger(self.wheel, self.number), truth.replayed(self.wheel, self.number)) == {}
        truth.check_sound(self.wheel)

    def backfilled(self) -> None:
        """Wait until every unlabelled task has a prediction of the present version, and just one of it."""
        missing: list[Any] = []

        def everywhere() -> bool:
            version = self.state()["version"]["current"]
            missing[:] = [
                (task["id"], [one["model_version"] for one in task["predictions"]])
                for task in self.studio.api(
                    "GET", "/api/tasks", params={"project": self.project, "page_size": 1000, "fields": "all"}
                )["tasks"]
                if not task["is_labeled"] and [one["model_version"] for one in task["predictions"]].count(version) != 1
            ]
            return not missing

        try:
            self.wheel.until(everywhere, PATIENCE, "the backfill did not end")
        except AssertionError as error:
            raise AssertionError(f"{missing[:10]} and so on\n{error}") from None

    def predict(self, texts: list[str], **more: Any) -> requests.Response:
        """/predict as Label Studio asks."""
        return self.wheel.call("POST", "/predict", json={**self.request(texts), **more})

    def request(self, texts: list[str]) -> dict[str, Any]:
        """The body of a /predict."""
        project = self.studio.project(self.project)
        return {
            "tasks": [{"id": number, "data": {"text": text}} for number, text in enumerate(texts, start=1)],
            "project": self.reference,
            "label_config": project["label_config"],
            "params": {"login": None, "password": None, "context": None},
        }

    @property
    def reference(self) -> str:
        """How Label Studio names the project to ML backends."""
        return str(truth.rows(self.wheel, "SELECT reference FROM projects WHERE id = ?", self.number)[0]["reference"])


def at_once(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait for a moment that does not last; looks as often as it can."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.002)
    return found


def kill(processes: list[psutil.Process]) -> None:
    """kill -9, without looking around first; fails where one had ended by itself."""
    assert processes
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=20)
