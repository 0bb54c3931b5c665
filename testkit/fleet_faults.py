"""What is done to a fleet while clients ask, and what must hold whatever is done to it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from testkit import truth
from testkit.fleet import Fleet
from testkit.labelwheel import LabelwheelServer
from testkit.load import Answer, Checker
from testkit.server import PATIENCE, answers
from testkit.stage import Stage

FAULTS = ("failed", "incomplete", "mixed", "stale", "wrong", "went back")
LEFT_SECONDS = 1.0
"""So long after a kill the proxy may still send something to that address: it looks four times a second."""


class Faults:
    """Kills and promotions in one project of a fleet; `kills` has when each began and when it was done."""

    def __init__(self, stage: Stage, fleet: Fleet) -> None:
        self.stage, self.fleet = stage, fleet
        self.kills: list[tuple[float, float]] = []

    def kill(self, server: LabelwheelServer, role: str) -> None:
        """kill -9 what a server runs; its supervisor starts it again."""
        began = time.monotonic()
        assert server.kill(role), f"no {role} on {server.port}"
        self.kills.append((began, time.monotonic()))

    def kill_host(self, server: LabelwheelServer) -> None:
        """kill -9 a server's supervisor, with which all of it ends, and start the server again."""
        began = time.monotonic()
        server.crash()
        self.kills.append((began, time.monotonic()))
        server.start()

    def promote(self, web: LabelwheelServer) -> None:
        """Another checkpoint becomes the champion, ordered by way of a process that lives."""
        path = f"/api/v1/projects/{self.stage.number}/questions/topic/checkpoints"
        known = web.call("GET", path).json()["checkpoints"]
        place = next(place for place, each in enumerate(known) if each["champion"])
        other = known[(place + 1) % len(known)]["version"]
        answer = web.call("POST", path.replace("checkpoints", "rollback"), json={"version": other})
        assert answer.ok, answer.text

    def round(self, server: LabelwheelServer | None = None) -> None:
        """A round that promotes, while the worker of a server is killed, or else the job."""
        number = self.stage.order()
        self.stage.wheel.until(lambda: self.stage.wheel.processes("job"), PATIENCE, "no job came")
        if server is None:
            assert self.stage.wheel.kill("job")
        else:
            self.kill(server, "worker")
        found = self.stage.ended(number)
        assert found["state"] == "promoted", found["reason"]

    @property
    def serving(self) -> int:
        """How many web processes are ready, and report that they serve what is wanted."""
        servers, number = self.stage.wheel.status()["servers"], str(self.stage.number)
        current = self.stage.state()["version"]["current"]
        reported = {each["name"].rpartition(":")[2]: each["serving"].get(number) for each in servers}
        running = (web for web in self.fleet.webs if web.running)
        return sum(reported.get(str(web.port)) == current and answers(f"{web.url}/ready") for web in running)

    def all_serve(self) -> None:
        """Wait until every web process does."""
        self.stage.wheel.until(lambda: self.serving == len(self.fleet.webs), PATIENCE, "not every process serves")

    def checked(self, found: Sequence[Answer]) -> dict[str, Any]:
        """Counts of answers, of faults, and of those that failed with a killed process, which had them in hand."""
        checker = Checker(self.stage)
        lost = [one for one in found if one.error and any(_in_hand(one, *kill) for kill in self.kills)]
        told = checker.check([one for one in found if one not in lost])
        return told | {"went back": len(checker.went_back(found)), "lost": len(lost)}

    def compared(self) -> int:
        """Wait until all agree, the ledger with the labelling tool, too; how many labels there are."""
        self.stage.converged()
        return len(truth.labelled(self.stage.studio, self.stage.project))


def _in_hand(answer: Answer, began: float, done: float) -> bool:
    # with so many clients in this process a kill may be told of long after the first connection was reset
    return answer.began - answer.setup_seconds < done + LEFT_SECONDS and answer.began + answer.seconds > began
