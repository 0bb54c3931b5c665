"""Two hosts that share a database and an object store, and no disk: what one trains both serve, what goes is gone."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import fsspec
import pytest

from demo import messages
from testkit import postgresql
from testkit.clouds import Azurite, Cloud, GoogleStorage, Moto
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from testkit.stage import ENOUGH, GOLD, TOPIC_CONFIG

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]

KEPT = 2


class Hosts:
    """`first` trains and serves, `second` serves alone; one project of Label Studio asks the first."""

    def __init__(
        self, first: LabelwheelServer, second: LabelwheelServer, studio: LabelStudioServer, store: str
    ) -> None:
        self.first, self.second, self.studio, self.store = first, second, studio, store
        self.project = studio.create_project(TOPIC_CONFIG)
        self.data = messages.tasks()[: ENOUGH + 20]
        items: list[dict[str, Any]] = [{"data": data} for data in self.data]
        for item in items[:ENOUGH]:
            item["annotations"] = [{"result": GOLD(item["data"])["topic"]}]
        studio.import_tasks(self.project, items)
        self.left = studio.task_ids(self.project)[ENOUGH:]
        first.connect("label-studio", studio.url, studio.pat, project=self.project)
        first.until(lambda: self.question()["labels"]["total"] == ENOUGH, PATIENCE, "the labels were not taken in")

    def question(self) -> dict[str, Any]:
        return dict(self.first.status()["projects"][0]["questions"][0])

    def round(self) -> dict[str, Any]:
        """One that is promoted, after three more labels."""
        before = self.question()["labels"]["total"]
        for task in [self.left.pop() for _ in range(3)]:
            self.studio.submit(task, GOLD(self.studio.task(task)["data"])["topic"])
        self.first.until(lambda: self.question()["labels"]["total"] == before + 3, PATIENCE, "labels were not taken in")
        ordered = self.first.call("POST", "/api/v1/projects/1/questions/topic/train")
        assert ordered.ok, ordered.text
        number = ordered.json()["id"]
        found: dict[str, Any] = {}

        def over() -> bool:
            found.update(self.first.call("GET", f"/api/v1/rounds/{number}").json())
            return found["state"] not in ("queued", "running", "gating")

        self.first.until(over, PATIENCE, "the round did not end")
        assert found["state"] == "promoted", f"{found['reason']}\n{self.first.tail()}"
        return found

    def said(self, host: LabelwheelServer) -> tuple[str, list[Any]]:
        """The version, and what a host answers about some texts."""
        examples = [{"key": str(place), "fields": data} for place, data in enumerate(self.data[:20])]
        found = host.call("POST", "/api/v1/projects/1/suggest", json={"examples": examples}).json()
        return found["version"], [each["predictions"]["topic"] for each in found["suggestions"]]

    def alike(self) -> str:
        """The version that both serve, once they serve one, with the same answers."""

        def same() -> str | None:
            one, other = self.said(self.first), self.said(self.second)
            current = self.first.status()["projects"][0]["version"]["current"]
            if not one[0] == other[0] == current:
                return None
            assert one[1] == other[1], "of one checkpoint two hosts say the same"
            return one[0]

        return str(self.second.until(same, PATIENCE, "the second does not serve what the first does"))

    def stored(self) -> set[str]:
        """The folders of the store."""
        system, path = fsspec.core.url_to_fs(self.store)
        system.invalidate_cache()
        return {each.rstrip("/").rpartition("/")[2] for each in system.ls(path, detail=False)} - {".jobs"}


@pytest.fixture(params=[Moto, Azurite, GoogleStorage], ids=lambda cloud: cloud.scheme)
def hosts(
    request: pytest.FixtureRequest, studio: LabelStudioServer, quick: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hosts]:
    cloud: Cloud
    with request.param() as cloud, postgresql.running() as server:
        for name, value in cloud.environment.items():
            monkeypatch.setenv(name, value)
        store = f"{cloud.bucket('checkpoints')}/labelwheel"
        environment = {
            **quick, **cloud.environment, "LABELWHEEL_STORE": store, "LABELWHEEL_DATABASE": server.create("hosts"),
            "LABELWHEEL_SECRET_KEY": secrets.token_hex(32), "LABELWHEEL_KEEP_CHECKPOINTS": str(KEPT),
        }  # fmt: skip
        with LabelwheelServer(environment=environment) as first:
            second = LabelwheelServer(environment=environment, token=first.token, role="web")
            with second:
                yield Hosts(first, second, studio, store)


def test_what_one_trains_both_serve_and_what_goes_is_gone(hosts: Hosts) -> None:
    assert hosts.first.home != hosts.second.home
    by_names = hosts.alike()
    assert len(hosts.stored()) == 1
    seen = {by_names}
    for _ in range(KEPT + 1):
        hosts.round()
        seen.add(hosts.alike())
    assert len(seen) == KEPT + 2, "each round is another version, on both"
    hosts.first.until(lambda: len(hosts.stored()) <= KEPT + 1, PATIENCE, "what is not kept stays in the store")
    hosts.alike()
    rolled = hosts.first.call("POST", "/api/v1/projects/1/questions/topic/rollback", json={})
    assert rolled.ok, rolled.text
    assert hosts.alike() not in (by_names,), "the one before, from the store"
