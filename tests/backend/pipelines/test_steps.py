"""What the steps ask of a service, and what they make of its answers: scripted here, real in tests/integration."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelwheel.backend.errors import NotFound, ServiceUnreachable, Unauthorized
from labelwheel.backend.pipelines import service, steps
from labelwheel.backend.pipelines.__main__ import COMPILED
from labelwheel.backend.pipelines.service import Service, TookTooLong, WrongEnd
from labelwheel.backend.web.client import ServiceError
from testkit import pipelines

AWAY = ServiceUnreachable("no labelwheel answers")
BUSY = ServiceError("a round of question 'topic' is active already", 409, "Conflict")
ROUND = {"id": 7, "state": "held", "progress": 1.0, "version": "v7", "reason": "better", "held_until": "soon"}


class Script:
    """A client whose answers are written down, the last one for ever; errors are raised. `calls` has what was asked."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {name: given if isinstance(given, list) else [given] for name, given in answers.items()}
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls.append((name, *arguments))
            left = self._answers[name]
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "POLL_SECONDS", 0.0)


def scripted(wait: float = 60.0, patience: float = 60.0, **answers: Any) -> tuple[Service, Script]:
    found = Service("http://labelwheel.test", 1, "topic", "run-1", wait, patience)
    found.client = script = Script(**answers)  # type: ignore[assignment]
    return found, script


def status(active: dict[str, Any] | None = None, **version: Any) -> dict[str, Any]:
    question = {"name": "topic", "round": active}
    return {"projects": [{"id": 2, "questions": []}, {"id": 1, "questions": [question], "version": version}]}


@pytest.mark.parametrize("error", [AWAY, ServiceError("busy", 503, "DatabaseBusy"), ServiceError("slow", 429, "Busy")])
def test_a_service_that_is_away_is_asked_again(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    found, script = scripted(close_run=[error, error, {"round": None, "tuning": {"id": 3}}])
    assert steps.close(found) == "ended search 3"
    assert script.calls == [("close_run", 1, "topic", "run-1")] * 3
    assert capsys.readouterr().out.splitlines() == [f"waiting: {error}", "ended search 3"]


def test_patience_has_an_end() -> None:
    found, _ = scripted(patience=0.0, round=AWAY)
    with pytest.raises(ServiceUnreachable, match=r"`url` right\?\): no labelwheel answers"):
        steps.gate(found, 7)


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (Unauthorized("wants its token"), Unauthorized, "parameter `secret` names"),
        (ServiceError("no project 9", 404, "NotFound"), NotFound, "are `project` and `question` right"),
        (ServiceError("only to look at", 403, "Forbidden"), ServiceError, "only to look at"),
    ],
)
def test_what_does_not_pass_is_not_waited_for(error: Exception, raised: type[Exception], words: str) -> None:
    found, script = scripted(train=error)
    with pytest.raises(raised, match=words):
        steps.train(found, 5.0)
    assert len(script.calls) == 1


def test_a_round_of_somebody_else_is_waited_for() -> None:
    theirs = {"id": 6, "state": "running"}
    found, script = scripted(
        train=[BUSY, BUSY, BUSY, {"id": 7}], status=[status(theirs), status(theirs), status()],
        round=[{**ROUND, "state": "queued"}, {**ROUND, "state": "gating"}],
        details={"checkpoint": {"place": "s3://here/v7", "manifest": "abc"}},
    )  # fmt: skip
    told = steps.train(found, 5.0)
    assert told == {"round": 7, "version": "v7", "place": "s3://here/v7", "manifest": "abc"}
    assert script.calls[0] == ("train", 1, "topic", 5.0, "run-1")
    assert [name for name, *_ in script.calls].count("train") == 4


def test_what_no_round_hinders_is_no_reason_to_wait() -> None:
    short = ServiceError("no round can start: label 4 more", 409, "Conflict")
    found, _ = scripted(train=short, status=status())
    with pytest.raises(ServiceError, match="label 4 more"):
        steps.train(found, 5.0)


def test_waiting_has_an_end() -> None:
    found, _ = scripted(wait=0.0, train={"id": 7}, round={**ROUND, "state": "running"})
    with pytest.raises(TookTooLong, match="round 7 is not over after 0 minutes: give `wait_minutes` more"):
        steps.train(found, 5.0)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_round_that_came_to_nothing_is_no_decision(state: str) -> None:
    found, _ = scripted(round={**ROUND, "state": state, "reason": "the job crashed"})
    with pytest.raises(WrongEnd, match=f"round 7 {state}: the job crashed"):
        steps.gate(found, 7)


def test_no_search_is_asked_for_with_no_minutes_nor_a_failure_with_few_labels() -> None:
    found, script = scripted(tune=ServiceError("label at least 4 more", 409, "Conflict"), tuning={"searches": []})
    assert steps.tune(found, 0.0, 5.0) == "no search was asked for"
    assert not script.calls
    assert steps.tune(found, 2.0, 5.0) == "no search: label at least 4 more"
    assert script.calls[0] == ("tune", 1, "topic", 120.0, None, 5.0, "run-1")


def test_a_search_is_followed_to_its_verdict() -> None:
    row = {"id": 3, "progress": 0.5, "reason": "worth nothing"}
    found, _ = scripted(
        tune=row, tuning=[{"searches": [{**row, "state": state}]} for state in ("queued", "running", "done")]
    )
    assert steps.tune(found, 2.0, 5.0) == "search 3: worth nothing"
    found, _ = scripted(tune=row, tuning={"searches": [{**row, "state": "failed"}]})
    assert steps.tune(found, 2.0, 5.0) == "search 3: worth nothing", "the round learns as it would have without"
    found, _ = scripted(tune=row, tuning={"searches": [{**row, "state": "cancelled"}]})
    with pytest.raises(WrongEnd, match="search 3 was cancelled: worth nothing"):
        steps.tune(found, 2.0, 5.0)


def test_the_gates_word_is_waited_for_and_told() -> None:
    gating = {**ROUND, "state": "gating", "held_until": None}
    found, _ = scripted(round=[gating, gating, {**ROUND, "state": "rejected"}])
    assert steps.gate(found, 7) == ("rejected", "better")
    with pytest.raises(WrongEnd, match="the gate rejected v7: better"):
        steps.gate(found, 7, must_pass=True)
    for state in ("held", "gating", "promoted"):  # tried again, it may be further
        found, _ = scripted(round={**ROUND, "state": state})
        assert steps.gate(found, 7)[0] == "passed"


def test_a_promotion_is_over_when_everybody_serves_it() -> None:
    found, script = scripted(
        promote={}, round=[{**ROUND, "state": "gating"}, {**ROUND, "state": "promoted"}],
        status=[status(current="g2", served=["g1"]), status(current="g2", served=["g1", "g2"]),
                status(current="g2", served=["g2"])],
    )  # fmt: skip
    assert steps.promote(found, 7, "passed") == ("promoted", "g2")
    assert [name for name, *_ in script.calls].count("status") == 3
    found, script = scripted()
    assert steps.promote(found, 7, "rejected") == ("rejected", "")
    assert not script.calls, "nothing is promoted that did not pass"
    found, _ = scripted(promote={}, round={**ROUND, "state": "rejected"})
    with pytest.raises(WrongEnd, match="round 7 is rejected"):
        steps.promote(found, 7, "passed")


def test_labels_that_end_early_are_fetched_again(tmp_path: Path) -> None:
    rows = [{"question": {"name": "topic"}, "position": 9}, {"key": "a", "text": "ä"}, {"key": "b"}]

    @contextmanager
    def of(lines: list[dict[str, Any]]) -> Iterator[Iterator[dict[str, Any]]]:
        yield iter(lines)

    found, script = scripted(labels=[of(rows), of([*rows, {"examples": 3}]), of([*rows, {"examples": 2}])])
    told = steps.export_labels(found, tmp_path / "labels")
    assert (told["examples"], told["position"], json.loads(told["question"])) == (2, 9, {"name": "topic"})
    assert (tmp_path / "labels").read_text("utf-8") == '{"key": "a", "text": "ä"}\n{"key": "b"}\n'
    assert len(script.calls) == 3


def test_what_was_measured_of_a_round_that_is_not_kept_is_what_the_gate_says() -> None:
    details = {
        "round": {"version": "v7", "reason": "no better", "label_count": 90, "score": 0.5, "low": None, "high": None},
        "gate": {"champion_score": 0.6, "classes": [{"label": "sport", "challenger_f1": 0.25, "champion_f1": None}]},
        "report": None,
    }
    found, script = scripted(round={**ROUND, "state": "rejected"}, details=details)
    measured = steps.evaluate(found, 7)
    assert measured.figures == {
        "labels": 90.0, "score": 0.5, "champion_score": 0.6, "class sport: challenger_f1": 0.25,
    }  # fmt: skip
    assert "no better" in measured.report
    assert "- class sport: challenger_f1: 0.25" in measured.report
    assert [name for name, *_ in script.calls] == ["round", "details"]


def test_a_step_runs_where_kfp_is_without_what_it_depends_on(tmp_path: Path) -> None:
    """As in the image, which has it so: a step's own command, with the program's way to anything else barred."""
    executor = next(yaml.safe_load_all(COMPILED.read_text("utf-8")))["deploymentSpec"]["executors"]["exec-close"]
    given = {
        "inputs": {
            "parameterValues": {
                "url": "http://127.0.0.1:9", "project": 1, "question": "topic", "run": "", "job": "x",
                "patience_minutes": 0.0,
            }
        },
        "outputs": {"outputFile": str(tmp_path / "output.json")},
    }  # fmt: skip
    (kfp,) = pipelines.ENVIRONMENT.glob("lib/python3*/site-packages/kfp")
    environment = pipelines.python_path(tmp_path)
    (tmp_path / "packages" / "kfp").symlink_to(kfp)
    barred = ("kubernetes", "google", "kfp_server_api", "kfp_pipeline_spec", "docstring_parser", "tabulate")
    (tmp_path / "packages" / "sitecustomize.py").write_text(f"import sys\nsys.modules |= dict.fromkeys({barred})\n")
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    container = executor["container"]
    arguments = [each.replace("{{$}}", json.dumps(given)) for each in container["args"]]
    done = subprocess.run(
        [*container["command"], *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert (
        done.stderr.rstrip().splitlines()[-1].startswith("labelwheel.backend.errors.ServiceUnreachable: waited for 0")
    )
