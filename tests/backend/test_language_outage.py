"""A language model that is away for an hour, or whose budget is spent, through the whole service with real jobs.

The hour is that of the clock by which an endpoint is left alone, which the tests move on a minute at a time; how long
one request waits is real. Suggestions are asked for over HTTP, a new text each minute, and the worker goes on
meanwhile.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labelwheel.backend.processes import home_folder
from labelwheel.backend.rounds import language_model, launchers
from labelwheel.backend.views import status
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.language import account, client, endpoint
from labelwheel.training.language import answers as language_answers
from testkit.language_model import ScriptedModel
from tests.backend.test_toy_kind import Web, wait
from tests.backend.world import World

NOISE = (
    "river", "lamp", "quiet", "seven", "garden", "winter", "brick", "paper", "orange", "tall", "engine", "window",
    "cloud", "bread", "silver", "mountain", "shoe", "clock", "forest", "train", "yellow", "button", "island", "letter",
    "copper", "spoon", "marble", "velvet", "harbour", "pencil",
)  # fmt: skip


def text(telling: str, name: object) -> str:
    """No text is near to another one, or the labels of few would count."""
    chance = random.Random(f"{telling} {name}")
    return f"{' '.join(chance.sample(NOISE, 6))}, {telling}, {name}"


def football(name: object) -> str:
    return text("the goalkeeper of our football team", name)


def parliament(name: object) -> str:
    return text("the president and the parliament", name)


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'test.db'}"


def contrary(messages: list[dict[str, str]]) -> str:
    """What no label name would say, so that it shows who has answered."""
    return "politics" if "football" in json.loads(messages[-1]["content"])["text"] else "sport"


@pytest.fixture
def scripted() -> Iterator[ScriptedModel]:
    with ScriptedModel(contrary).running() as found:
        yield found
    endpoint.name(None)
    client.of.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds by which the clock is ahead that says when an endpoint is tried again."""
    ahead = [0.0]
    moved = SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0])
    monkeypatch.setattr(language_answers, "time", moved)
    return ahead  # type: ignore[return-value]


@pytest.fixture
def told(world: World, scripted: ScriptedModel) -> Iterator[World]:
    """Connected, with texts and without a label: the language model suggests."""
    asked: dict[str, Any] = {
        "llm_url": scripted.url, "llm_model": "tiny", "llm_seconds": 0.4, "llm_samples": 1, "llm_price_in": 100.0,
        "llm_budget": 1.0, "base_model": None, "fine_tuning": False, "blind": 0.0, "inspect": False,
    }  # fmt: skip
    world.settings = world.settings.model_copy(update=asked)
    home_folder.prepare(world.settings)
    world.launcher = launchers.load(world.settings)  # type: ignore[assignment]
    world.web = Web(world)
    world.start()
    world.tool.add(*(says(number) for number in range(10) for says in (football, parliament)))
    world.connect()
    wait(world, lambda: world.rounds and world.rounds[0].ended_at)
    assert world.rounds[0].state == "promoted", world.rounds[0].reason
    wait(world, lambda: world.settled)
    yield world
    world.web.service.stop()  # type: ignore[attr-defined]


def suggested(world: World, text: str) -> str:
    found = world.web.suggest(1, [{"key": text, "fields": {"text": text}}])
    return str(found["suggestions"][0]["predictions"]["topic"]["answer"])


def said(world: World) -> dict[str, Any]:
    with world.database.session() as session:
        return status.status(session, world.settings)


def problems(world: World) -> str:
    return json.dumps(world.web.service.served_models.problems)  # type: ignore[attr-defined]


def test_an_hour_without_it_fails_nothing_and_no_round_waits_for_it(
    told: World, scripted: ScriptedModel, clock: list[float]
) -> None:
    world = told
    assert {each.predictions["topic"].answer for each in world.tool.shown.values()} == {"sport", "politics"}
    assert suggested(world, football("one")) == "politics", "it is the language model that answers"
    scripted.fault = "500"
    before = len(scripted.seen)
    for minute in range(60):
        assert suggested(world, football(f"minute {minute}")) == "sport", "the label names answer"
        clock[0] += 60
        if minute % 10 == 0:
            world.tool.add(parliament(f"late {minute}"))
            world.turns(2)
    tries = len(scripted.seen) - before
    assert 8 < tries < 60, "it is tried now and then, and nobody waits for it each time"
    assert "what lies beside it answers meanwhile" in problems(world)

    # a round goes on without it, as it does not answer there either
    for key, each in list(world.tool.examples.items())[:18]:
        world.tool.submit(key, {"topic": "sport" if "football" in str(each) else "politics"})
    wait(world, lambda: len(world.rounds) > 1 and world.rounds[-1].ended_at)
    assert world.rounds[-1].state in ("promoted", "rejected"), world.rounds[-1].reason
    folder = world.settings.home / "jobs"
    assert "answers 500" in "".join(each.read_text() for each in folder.rglob("log")), "it was tried there, too"
    assert not [each for each in world.decisions if each[1] == "failed"]


def test_when_it_is_back_it_suggests_again(told: World, scripted: ScriptedModel, clock: list[float]) -> None:
    scripted.fault = "500"
    for minute in range(20):
        assert suggested(told, football(f"minute {minute}")) == "sport"
        clock[0] += 60
    scripted.fault = ""
    clock[0] += language_answers.LAST_PAUSE
    assert suggested(told, football("afterwards")) == "politics"
    assert problems(told) == "{}"


def test_where_the_budget_is_spent_suggestions_go_on_and_tomorrow_it_suggests_again(
    told: World, scripted: ScriptedModel, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, answers = told, list[str]()
    for number in range(200):
        answers.append(suggested(world, football(f"number {number}")))
        clock[0] += 1
    assert answers[0] == "politics"
    assert answers[-1] == "sport", "the label names answer"
    assert set(answers) == {"politics", "sport"}
    (found,) = language_model.spent(world.settings).values()
    assert 0.5 < found[0].money <= world.settings.llm_budget
    model = said(world)["language_model"]
    assert model["projects"]["1"]["today"] <= 1.0
    spent = len(scripted.seen)
    world.tool.add(*(parliament(f"more {number}") for number in range(10)))
    wait(world, lambda: len(world.tool.shown) == 30)
    assert len(scripted.seen) == spent, "the budget is never passed"
    assert not [each for each in world.decisions if each[1] == "failed"]

    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    monkeypatch.setattr(account, "_day", lambda: tomorrow)
    clock[0] += language_answers.LAST_PAUSE
    assert suggested(world, football("tomorrow")) == "politics"


def test_what_answers_is_a_checkpoint_of_names_and_says_so(told: World) -> None:
    manifest = checkpoint.read(told.settings.checkpoints.read(told.rounds[0].version).folder).manifest
    assert manifest.foreign is not None
    assert "the language model tiny answers" in str([each for each in told.decisions if each[1] == "promoted"])
