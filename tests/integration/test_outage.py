"""Label Studio is down in the middle of a burst of labels, and most of the webhooks go wrong: nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.messages import LABEL_CONFIG
from testkit import truth
from testkit.burst import apart, through_an_outage
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.proxy import Proxy
from testkit.server import PATIENCE
from testkit.stage import Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(environment=quick) as wheel:
        yield wheel


def test_after_an_outage_and_lost_webhooks_ledger_and_label_studio_agree(
    studio: LabelStudioServer, wheel: LabelwheelServer
) -> None:
    with Proxy(wheel.url) as proxy:
        stage = Stage(studio, wheel, config=LABEL_CONFIG, tasks=150, backend_url=proxy.url)
        wheel.until(lambda: stage.state()["sweep"]["at"], PATIENCE, "the first sweep did not end")
        (swept,) = truth.rows(wheel, "SELECT swept_at, sweep_number FROM projects")
        burst = through_an_outage(stage, labels=60, down_seconds=10)
        wheel.until(lambda: not apart(stage), PATIENCE, f"they still differ: {apart(stage)}")
        stage.converged()
        counts = proxy.counts()

        assert burst.retries > 0, "nobody noticed the outage"
        assert min(burst.done[what] for what in ("submit", "edit", "delete", "skip")) > 0, burst.done
        assert min(counts["drop"], counts["double"], counts["pass"]) > 10, counts
        assert set(proxy.refused) <= {0}, "a webhook that Label Studio sent was refused"
        # so it was the cursor that found everything, and not a look at the whole project
        assert truth.rows(wheel, "SELECT swept_at, sweep_number FROM projects") == [swept]
        assert stage.state()["problem"] is None

        for task in sorted({row["example"] for row in truth.labelled(studio, stage.project).values()})[:3]:
            studio.delete_task(int(task))
        stage.connect()  # safe to repeat; what only a look at the whole project finds, is found
        wheel.until(lambda: not apart(stage), PATIENCE, f"deleted tasks are still there: {apart(stage)}")
        stage.converged()
