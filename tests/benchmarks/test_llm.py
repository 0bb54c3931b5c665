"""A language model beside ours, against a scripted endpoint: what it costs, and what each way is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import common, llm, rounds, texts
from benchmarks.rounds import Stage
from demo import messages
from labelwheel.training.language import client, endpoint
from testkit.language_model import ScriptedModel

ROWS = [{"text": row["text"], "label": row["topic"]} for row in messages.rows()][:120]
TRUTH = {row["text"]: row["label"] for row in ROWS}


def asked(messages: list[dict[str, str]]) -> str:
    return str(json.loads(messages[-1]["content"])["text"])


@pytest.fixture
def scripted() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda messages: TRUTH[asked(messages)]).running() as found:
        yield found
    endpoint.name(None)
    client.of.cache_clear()


@pytest.fixture(scope="module")
def stage() -> Stage:
    return rounds.stage(texts.question(ROWS), ROWS)


def test_it_prints_a_table_and_keeps_the_numbers(
    scripted: ScriptedModel, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    monkeypatch.setattr(rounds, "stage_of", lambda data, name: (stage, list(range(90)), list(range(90, 120))))
    monkeypatch.setenv("LABELWHEEL_LLM_KEY", "sesame")
    monkeypatch.setenv("COLUMNS", "200")
    given = ["--url", scripted.url, "--model", "tiny", "--sets", "some", "--labels", "0", "4", "16", "--quick"]
    monkeypatch.setattr(sys, "argv", ["llm", *given, "--price-in", "10", "--silver", "40", "--held", "30"])
    llm.main()
    printed = capsys.readouterr().out
    assert "in context" in printed
    assert "sesame" not in printed
    found = json.loads((tmp_path / "llm.json").read_text())
    assert "sesame" not in json.dumps(found)
    runs: dict[tuple[int, str], dict[str, Any]] = {(run["labels"], run["way"]): run for run in found["runs"]}
    assert runs.keys() == {(count, way) for count in (0, 4, 16) for way in (llm.CONTEXT, llm.TAUGHT, llm.OURS)}
    for count in (0, 4, 16):
        told = runs[count, llm.CONTEXT]
        assert told["score"] == 1.0, "it knows all"
        assert told["requests"] == 30
        assert told["money_per_thousand"] == pytest.approx(1.0), "a hundred tokens each, at ten a million"
        assert told["seconds"] > 0
        assert runs[count, llm.OURS]["requests"] == runs[count, llm.OURS]["money_per_thousand"] == 0
    assert runs[4, llm.TAUGHT]["score"] is None, "four labels are too few to find a weight on"
    taught = runs[16, llm.TAUGHT]
    assert (taught["requests"], taught["money_per_thousand"]) == (40, 0)
    assert taught["learnt_money"] == pytest.approx(0.04)
    assert scripted.keys == {"Bearer sesame"}

    measured = {row["text"] for row in ROWS[90:]}
    shown = [json.loads(each["content"])["text"] for prompt in scripted.seen for each in prompt[1:-1:2]]
    assert shown
    assert not measured & set(shown), "what is measured is in no prompt but its own"


def test_an_endpoint_that_is_away_leaves_what_is_ours(scripted: ScriptedModel, stage: Stage, tmp_path: Path) -> None:
    scripted.fault = "500"
    model = endpoint.LanguageModel(
        url=scripted.url, model="tiny", folder=str(tmp_path), seconds=0.3, role=endpoint.TEACHER, silver=40
    )
    trial = llm.Trial(stage, range(16), range(16, 90), range(90, 120))
    away, taught, ours = llm.compare(trial, model, llm.Cost.SECONDS)
    assert away["score"] is taught["score"] is None
    assert "answers 500" in away["why"]
    assert "answers 500" in taught["why"]
    assert ours["score"] > 0.3
