"""The client: what it asks, how often it tries again, what it costs, and when it stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from labelwheel.training.errors import BudgetReached, LanguageModelFailed
from labelwheel.training.language import account
from labelwheel.training.language.account import Account, Spent
from labelwheel.training.language.client import Client
from labelwheel.training.language.endpoint import LanguageModel
from testkit.language_model import ScriptedModel

Make = Callable[..., LanguageModel]
SCHEMA = {"type": "object"}


def asked(words: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": words}]


def test_it_is_asked_once_for_all_processes_and_what_it_costs_is_counted(
    scripted: ScriptedModel, make: Make, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("sesame\n")
    model = make(price_in=1000.0, price_out=2000.0, key_file=str(tmp_path / "key"))
    first, second = Client(model), Client(model)
    reply = first.ask(asked("a zebra"), SCHEMA, "7")
    assert reply.text == '{"answer": "a"}'
    assert reply.sure == pytest.approx(0.905, abs=0.001)
    assert second.ask(asked("a zebra"), SCHEMA, "8") == reply, "another process has it from the disk"
    assert len(scripted.seen) == 1
    assert first.account.today("7") == (1, 100, 10, pytest.approx(0.12))
    assert first.account.today("8") == Spent()
    assert scripted.keys == {"Bearer sesame"}
    (sent,) = scripted.requests
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert not [path for path in (tmp_path / "language").iterdir() if b"zebra" in path.read_bytes()], (
        "no prompt on disk"
    )


@pytest.mark.parametrize("fault", ["429", "500"])
def test_what_passes_is_waited_for(fault: str, scripted: ScriptedModel, make: Make) -> None:
    scripted.fault, scripted.left = fault, 1
    assert Client(make()).ask(asked("one"), SCHEMA, "7").text == '{"answer": "a"}'
    assert len(scripted.seen) == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("429", "answers 429"),
        ("500", "answers 500"),
        ("slow", "did not answer within"),
        ("malformed", "answers what is no answer"),
        ("empty", "answered without a text"),
        ("redirect", "answers 307"),
        ("400", "refuses requests"),
    ],
)
def test_what_does_not_pass_ends_in_time(fault: str, said: str, scripted: ScriptedModel, make: Make) -> None:
    scripted.fault = fault
    client, begin = Client(make(seconds=3.0)), time.monotonic()
    with pytest.raises(LanguageModelFailed, match=said):
        client.ask(asked("one"), SCHEMA, "7")
    assert time.monotonic() - begin < 30, "what is slow answers after a minute"
    scripted.fault = ""
    assert client.account.known("anything") is None
    assert Client(make(seconds=5.0)).ask(asked("one"), SCHEMA, "7").text == '{"answer": "a"}', "no fault is kept"


def test_nobody_listens(make: Make) -> None:
    with pytest.raises(LanguageModelFailed, match="cannot be reached"):
        Client(make(url="http://127.0.0.1:9/v1", seconds=0.5)).ask(asked("one"), SCHEMA, "7")


@pytest.mark.parametrize("refusal", [400, 422])
def test_an_endpoint_without_schemas_and_probabilities_is_asked_without(
    refusal: int, scripted: ScriptedModel, make: Make
) -> None:
    scripted.refusal = refusal
    scripted.knows_schemas = scripted.knows_probabilities = False
    client = Client(make())
    assert client.ask(asked("one"), SCHEMA, "7") == ('{"answer": "a"}', None)
    client.ask(asked("two"), SCHEMA, "7")
    assert len(scripted.seen) == 4, "it is tried three ways once, and never again"


def test_several_that_are_refused_at_once_are_asked_without_what_they_were_refused_for(
    scripted: ScriptedModel, make: Make
) -> None:
    scripted.knows_probabilities = False
    client, gate = Client(make(concurrency=4)), Barrier(4, timeout=5)
    answer = scripted.answer

    def together(asked: dict[str, Any], key: str) -> Any:
        if "logprobs" in asked:
            gate.wait()
        return answer(asked, key)

    scripted.answer = together  # type: ignore[method-assign]
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda number: client.ask(asked(f"text {number}"), SCHEMA, "7").text, range(4)))
    assert said == ['{"answer": "a"}'] * 4
    assert all("response_format" in each for each in scripted.requests), "schemas it knows"


def test_the_budget_is_never_passed_however_many_ask_at_once(scripted: ScriptedModel, make: Make) -> None:
    # a request is reckoned at 11 to 16 bytes and 256 tokens, and costs .11
    client = Client(make(price_in=1000.0, price_out=1000.0, budget=1.0, concurrency=4))

    def ask(number: int) -> bool:
        try:
            client.ask(asked(f"text {number}"), SCHEMA, "7")
        except BudgetReached:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        answered = list(pool.map(ask, range(40)))
    assert 0 < sum(answered) < 10
    assert client.account.today("7").money <= 1.0
    assert len(scripted.seen) == sum(answered)
    assert scripted.most <= 4, "no more are under way than may be"
    assert client.ask(asked("text 1"), SCHEMA, "8").text, "another project has a budget of its own"


def test_who_does_not_answer_in_time_may_have_taken_all_that_was_set_aside(scripted: ScriptedModel, make: Make) -> None:
    scripted.fault = "slow"
    client = Client(make(price_out=1000.0, seconds=0.3))
    with pytest.raises(LanguageModelFailed):
        client.ask(asked("one"), SCHEMA, "7")
    assert client.account.today("7").money == pytest.approx(0.256)


def test_few_answers_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "MOST", 10)
    monkeypatch.setattr(account, "_OVER", 5)
    kept = Account(tmp_path)
    for number in range(100):
        kept.keep(str(number), "x", None)
    there = [number for number in range(100) if kept.known(str(number))]
    assert there[-1] == 99
    assert 10 <= len(there) <= 16


def test_what_goes_out_before_midnight_is_settled_on_its_own_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Account(tmp_path)
    monkeypatch.setattr(account, "_day", lambda: "2026-11-29")
    reserved = kept.reserve("7", 4.0, 5.0)
    assert reserved is not None
    monkeypatch.setattr(account, "_day", lambda: "2026-11-30")
    kept.settle("7", reserved, Spent(1, 100, 10, 1.0))
    assert kept.today("7") == Spent(), "the new day has its budget, and no more"
    assert kept.reserve("7", 5.5, 5.0) is None
    monkeypatch.setattr(account, "_day", lambda: "2026-11-29")
    assert kept.today("7") == (1, 100, 10, 1.0)
