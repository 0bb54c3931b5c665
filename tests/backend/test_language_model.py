"""A language model as a champion: tried in rounds, judged by the gate, served, replaced, and done without."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from labelwheel.backend.app import create_app
from labelwheel.backend.commands import overview
from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.processes import home_folder
from labelwheel.backend.rounds import gate, language_model, launchers
from labelwheel.backend.serving.engine import Loaded
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.foreign import ForeignServed, Passing
from labelwheel.backend.settings import Settings, load
from labelwheel.training import entry_points, job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.language import answers as language_answers
from labelwheel.training.language import client, endpoint, redaction
from labelwheel.training.language.account import Account, Spent
from labelwheel.training.language.entry import FILE, LanguageEntry
from labelwheel.training.launchers import child
from labelwheel.training.questions import Example, Option, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part, Recipe
from labelwheel.training.strategies import registry
from labelwheel.training.strategies.in_context import InContext
from labelwheel.training.strategies.language_taught import LanguageTaught
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.testing.small_model import small_model
from testkit.language_model import ScriptedModel

PROJECT = 7


def rows() -> list[LabelledExample]:
    return [*labelled_texts(90, Part.TRAIN), *labelled_texts(60, Part.HELD_OUT)]


def hidden() -> list[LabelledExample]:
    """Numbers whose last digit tells the label: an encoder of random weights is no match, who can count is."""
    found = []
    for number in range(150):
        part = Part.TRAIN if number < 90 else Part.HELD_OUT
        code = (number * 7919 + 13) % 100_003
        label = TOPIC.values[sum(map(int, str(code))) % len(TOPIC.values)]
        example = Example(key=str(number), fields={"text": f"the code is {code} today"})
        found.append(LabelledExample(example=example, answer=label, part=part, group=str(number), fresh=True))
    return found


def knows(some: list[LabelledExample]) -> Any:
    truth = {row.example.fields["text"]: row.answer for row in some}
    return lambda messages: truth.get(json.loads(messages[-1]["content"])["text"], TOPIC.values[0])


@pytest.fixture
def scripted() -> Iterator[ScriptedModel]:
    with ScriptedModel(knows(rows())).running() as found:
        yield found
    endpoint.name(None)
    client.of.cache_clear()


@pytest.fixture
def settings(scripted: ScriptedModel, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home", llm_url=scripted.url, llm_model="tiny", llm_key="sesame", llm_price_in=10.0,
        llm_price_out=20.0, llm_seconds=2.0, llm_budget=5.0,
    )  # fmt: skip


def learn(
    settings: Settings, folder: Path, version: str, some: list[LabelledExample], champion: str = "", **fields: Any
) -> dict[str, Any]:
    base = folder / "base" if (folder / "base").exists() else small_model(folder / "base")
    language_model.install(settings)
    usual: dict[str, Any] = {"question": TOPIC, "language": language_model.for_job(settings, PROJECT)}
    spec = JobSpec(
        version=version, output=str(folder / version), data="", base_model=str(base), device="cpu", threads=1,
        fine_tuning=False, artefact=False, champion=str(folder / champion) if champion else None, **usual | fields,
    )  # fmt: skip
    job.execute(spec, some)
    language_model.install(settings)
    found: dict[str, Any] = json.loads((folder / version / checkpoint.REPORT).read_bytes())
    return found


def answered(served: Loaded, some: list[Example], question: Question = TOPIC) -> list[Any]:
    encodings = served.encode(question, some)
    return served.decode(question, some, encodings, served.head(served.encoder.features(encodings)))


def test_it_wins_a_round_passes_the_gate_is_served_and_may_be_away(
    scripted: ScriptedModel, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_answers, "FIRST_PAUSE", 0.2)
    some = hidden()
    scripted.answering = knows(some)
    learn(settings.model_copy(update={"llm_url": None}), tmp_path, "v1", some, recipe=Recipe.NAMES)
    assert not scripted.seen, "no address, no request"
    told = learn(settings, tmp_path, "v2", some, "v1")
    manifest = checkpoint.read(tmp_path / "v2").manifest
    assert (manifest.recipe, told["chosen"]) == ("in_context", InContext.name), told["trials"]
    assert FILE in manifest.files
    written = (tmp_path / "v2" / checkpoint.MANIFEST).read_text()
    assert "sesame" not in written
    assert scripted.url not in written, "no checkpoint says where texts go"
    assert any("is sent each text with up to 16 labelled ones" in note for note in told["notes"])

    # over the whole run: what is held out is asked about at the end of a prompt, and never shown in one
    held = {row.example.fields["text"] for row in some if row.part is Part.HELD_OUT}
    shown = [json.loads(each["content"])["text"] for prompt in scripted.seen for each in prompt[1:-1:2]]
    assert len(shown) > 1000
    assert not held & set(shown)
    for prompt in scripted.seen:
        asked = json.loads(prompt[-1]["content"])["text"]
        assert asked not in [json.loads(each["content"])["text"] for each in prompt[1:-1:2]], "nor itself"
    assert scripted.keys == {"Bearer sesame"}

    judged = gate.judge(tmp_path / "v2", "v2", Recipe.AUTO, settings)
    assert judged.promote, judged.reason
    assert judged.details["language_model"]["language_model"] == "tiny"
    assert judged.details["language_model"]["money_per_request"] == pytest.approx(0.0012)

    served = ChosenEngine(device="cpu", cores=1).load(tmp_path / "v2")
    assert isinstance(served, ForeignServed)
    assert served.encoder.layered is None, "no fast head follows labels on it"
    wanted = [row.answer for row in some if row.part is Part.HELD_OUT]
    examples = [row.example for row in some if row.part is Part.HELD_OUT]
    before = len(scripted.seen)
    found = answered(served, examples)
    assert [one.answer for one in found] == wanted
    assert len(scripted.seen) == before, "they were asked before, and are not paid for again"

    fresh = [Example(key=f"n{number}", fields={"text": f"the code is {number} now"}) for number in range(6)]
    scripted.fault = "500"
    begin = time.monotonic()
    meanwhile = answered(served, fresh)
    assert time.monotonic() - begin < 60
    assert isinstance(meanwhile, Passing), "nobody keeps what stands in"
    assert all(one.answer in TOPIC.values for one in meanwhile), "no request fails"
    assert "what lies beside it answers meanwhile" in str(served.problem)
    scripted.fault = ""
    time.sleep(0.3)
    assert [one.answer for one in answered(served, fresh)] == [TOPIC.values[0]] * 6
    assert served.problem is None

    # the budget is spent: the same, and `status` says so
    account = Account(settings.home / "language")
    assert account.reserve(str(PROJECT), settings.llm_budget - account.today(str(PROJECT)).money, settings.llm_budget)
    more = [Example(key="m", fields={"text": "the code is 4711 now"})]
    assert isinstance(answered(served, more), Passing)
    assert "the budget of 5 a day" in str(served.problem)
    said = language_model.status(settings)
    assert said is not None
    assert (said["place"], said["model"]) == (endpoint_of(scripted), "tiny")
    assert said["projects"][str(PROJECT)]["reached"] is True

    # no endpoint at all: served by what lies beside
    endpoint.name(None)
    alone = ChosenEngine(device="cpu", cores=1).load(tmp_path / "v2")
    assert all(one.answer in TOPIC.values for one in answered(alone, fresh))


def endpoint_of(scripted: ScriptedModel) -> str:
    return scripted.url.split("/")[2]


def test_before_the_first_label_it_is_told_the_question_and_no_example(
    scripted: ScriptedModel, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_answers, "FIRST_PAUSE", 0.2)
    options = (*(option.model_copy(update={"hint": f"all of {option.value}"}) for option in TOPIC.options[:1]),)
    asked = TOPIC.model_copy(update={"prompt": "What do they want?", "options": (*options, *TOPIC.options[1:])})
    examples = [row.example for row in hidden()[:6]]
    scripted.answering = knows(hidden())
    learn(settings, tmp_path, "v1", [], recipe=Recipe.NAMES, question=asked)
    assert not scripted.seen, "a round without labels measures nothing"
    manifest = checkpoint.read(tmp_path / "v1").manifest
    assert manifest.recipe == "names", "the first round with labels begins as after any names"
    judged = gate.judge(tmp_path / "v1", "v1", Recipe.NAMES, settings)
    assert judged.promote
    assert "the language model tiny answers, told the question and its options" in judged.reason
    assert judged.details["language_model"]["language_model"] == "tiny"

    served = ChosenEngine(device="cpu", cores=1).load(tmp_path / "v1")
    found = answered(served, examples, asked)
    assert [one.answer for one in found] == [row.answer for row in hidden()[:6]]
    assert {round(one.score, 3) for one in found} == {0.905}, "as sure as the endpoint says"
    for prompt in scripted.seen:
        assert [each["role"] for each in prompt] == ["system", "user"]
        assert "What do they want?" in prompt[0]["content"]
        assert f"- {TOPIC.values[0]}: all of {TOPIC.values[0]}" in prompt[0]["content"]

    scripted.fault, fresh = "500", [Example(key="x", fields={"text": "rain and snow"})]
    meanwhile = answered(served, fresh, asked)
    assert isinstance(meanwhile, Passing)
    assert meanwhile[0].answer in TOPIC.values, "the label names answer"
    scripted.fault = ""

    learn(settings.model_copy(update={"llm_url": None}), tmp_path, "v2", [], recipe=Recipe.NAMES)
    assert checkpoint.read(tmp_path / "v2").manifest.foreign is None


def test_where_it_is_worse_it_is_not_proposed(scripted: ScriptedModel, settings: Settings, tmp_path: Path) -> None:
    scripted.answering = lambda messages: TOPIC.values[0]
    told = learn(settings, tmp_path, "v1", rows())
    assert told["chosen"] != InContext.name
    (trial,) = [each for each in told["trials"] if each["name"] == InContext.name]
    assert trial["score"] < 0.6
    assert "request(s)" in trial["detail"]
    assert "spent" in trial["detail"]


@pytest.mark.parametrize("why", ["fault", "budget"])
def test_a_round_goes_on_without_it(why: str, scripted: ScriptedModel, settings: Settings, tmp_path: Path) -> None:
    if why == "fault":
        scripted.fault = "500"
        settings = settings.model_copy(update={"llm_seconds": 0.5})
    else:
        settings = settings.model_copy(update={"llm_budget": 0.05})
    told = learn(settings, tmp_path, "v1", rows())
    assert told["chosen"] != InContext.name
    said = {"fault": "answers 500", "budget": "the budget of 0.05 a day for language models is spent"}[why]
    assert any(f"{InContext.name} was given up" in note and said in note for note in told["notes"]), told["notes"]
    if why == "budget":
        assert Account(settings.home / "language").today(str(PROJECT)).money <= 0.05


def test_the_small_model_takes_its_place_as_soon_as_it_is_not_worse(
    scripted: ScriptedModel, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [*labelled_texts(300, Part.TRAIN), *labelled_texts(60, Part.HELD_OUT)]
    scripted.answering = knows(some)
    with monkeypatch.context() as only:
        only.setattr(registry, "_registered", lambda: [InContext])
        assert learn(settings, tmp_path, "v1", some)["chosen"] == InContext.name
    told = learn(settings, tmp_path, "v2", some, "v1")
    assert told["chosen"] != InContext.name, told["reason"]
    judged = gate.judge(tmp_path / "v2", "v2", Recipe.AUTO, settings)
    assert judged.promote, judged.reason
    assert "takes the place of a language model, which saves one request to tiny for each suggestion" in judged.reason
    assert judged.details["saves"].endswith("1.2 for a thousand")


def test_what_it_taught_takes_its_place_and_keeps_none_of_its_answers(
    scripted: ScriptedModel, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [*labelled_texts(18, Part.TRAIN), *labelled_texts(60, Part.HELD_OUT)]
    loose = labelled_texts(150, Part.TRAIN, seed=9)
    scripted.answering = knows(loose)  # so that what it suggests is poor, and what it teaches is not
    with monkeypatch.context() as only:
        only.setattr(registry, "_registered", lambda: [InContext])
        assert learn(settings, tmp_path, "v1", some)["chosen"] == InContext.name
    file = tmp_path / "unlabelled.jsonl"
    keyed = [row.example.model_copy(update={"key": f"loose-{row.example.key}"}) for row in loose]
    file.write_text("".join(f"{example.model_dump_json()}\n" for example in keyed))
    before = len(scripted.seen)
    teacher = settings.model_copy(update={"llm_role": "teacher", "llm_silver": 120})
    told = learn(teacher, tmp_path, "v2", some, "v1", unlabelled=str(file))
    manifest = checkpoint.read(tmp_path / "v2").manifest
    assert (told["chosen"], manifest.recipe) == (LanguageTaught.name, "silver"), told["reason"]
    assert manifest.settings["silver"] > 50
    assert manifest.label_count == 18, "labels are people's"
    assert manifest.foreign is None
    judged = gate.judge(tmp_path / "v2", "v2", Recipe.AUTO, settings)
    assert judged.promote, judged.reason
    assert "takes the place of a language model, which saves one request to tiny for each suggestion" in judged.reason

    silver = {example.fields["text"] for example in keyed}
    prompts = scripted.seen[before:]
    asked = [json.loads(prompt[-1]["content"])["text"] for prompt in prompts]
    assert len(silver & set(asked)) == 120
    held = {row.example.fields["text"] for row in some if row.part is Part.HELD_OUT}
    shown = {json.loads(each["content"])["text"] for prompt in prompts for each in prompt[1:-1:2]}
    assert not shown & (held | silver), "examples are people's, and none is held out"
    for path in (each for each in (tmp_path / "v2").rglob("*") if each.is_file()):
        content = path.read_bytes()
        assert not [text for text in silver if text.encode() in content], f"{path.name} has a text that nobody labelled"


def test_without_probabilities_scores_are_calibrated_on_how_far_samples_agree(
    scripted: ScriptedModel, settings: Settings, tmp_path: Path
) -> None:
    some, place = hidden(), {row.example.fields["text"]: number for number, row in enumerate(hidden())}
    truth, values = knows(some), TOPIC.values

    def asked(messages: list[dict[str, str]]) -> int:
        return place[json.loads(messages[-1]["content"])["text"]]

    def wrong(messages: list[dict[str, str]]) -> str:
        return values[(values.index(truth(messages)) + 1) % 3]

    # of every fifth text it does not know the answer, and says something else each time
    scripted.knows_probabilities = False
    scripted.answering = lambda messages: truth(messages) if asked(messages) % 5 else wrong(messages)
    scripted.sampling = truth
    told = learn(settings, tmp_path, "v1", some)
    assert told["chosen"] == InContext.name
    found = checkpoint.read(tmp_path / "v1").manifest
    assert isinstance(found.foreign, LanguageEntry)
    assert found.foreign.slope > 0
    assert (found.foreign.samples, found.settings["requests_per_suggestion"]) == (3, 3)
    served = ChosenEngine(device="cpu", cores=1).load(tmp_path / "v1")
    held = [row for row in some if row.part is Part.HELD_OUT]
    said = answered(served, [row.example for row in held])
    right = [one.score for row, one in zip(held, said, strict=True) if one.answer == row.answer]
    others = [one.score for row, one in zip(held, said, strict=True) if one.answer != row.answer]
    assert len(others) == 12
    assert min(right) > 0.8 > 0.5 > max(others)


def without_code(text: str) -> str:
    return text.replace("code", "****")


@pytest.fixture
def redactions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    entry = EntryPoint(name="codes", value=f"{__name__}:without_code", group=redaction.GROUP)
    real = entry_points.installed
    monkeypatch.setattr(entry_points, "installed", lambda group: [entry] if group == redaction.GROUP else real(group))
    redaction.of.cache_clear()
    yield
    redaction.of.cache_clear()


def test_no_prompt_of_a_run_has_what_is_redacted(
    redactions: None, scripted: ScriptedModel, settings: Settings, tmp_path: Path
) -> None:
    some = hidden()
    truth = {without_code(row.example.fields["text"]): row.answer for row in some}
    scripted.answering = lambda messages: truth.get(json.loads(messages[-1]["content"])["text"], TOPIC.values[0])
    settings = settings.model_copy(update={"llm_redaction": "codes", "llm_role": "teacher"})
    told = learn(settings, tmp_path, "v1", some)
    assert told["chosen"] == InContext.name
    served = ChosenEngine(device="cpu", cores=1).load(tmp_path / "v1")
    assert answered(served, [row.example for row in some[-6:]])
    assert len(scripted.seen) > 100
    assert "code" not in json.dumps(scripted.seen)
    said = language_model.status(settings)
    assert said is not None
    assert said["redaction"] == "codes"
    language_model.install(settings.model_copy(update={"llm_redaction": ""}))


def test_nothing_starts_with_a_redaction_that_is_not_there(settings: Settings) -> None:
    with pytest.raises(InvalidSettings, match="no text may be sent: no redaction 'codes' is installed"):
        language_model.install(settings.model_copy(update={"llm_redaction": "codes"}))


def test_nothing_is_asked_where_no_address_is_set(scripted: ScriptedModel, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", llm_model="tiny", llm_key="sesame")
    learn(settings, tmp_path, "v1", rows())
    assert not scripted.seen
    assert language_model.status(settings) is None
    assert not (tmp_path / "home" / "language").exists()


def test_a_broken_account_costs_no_status(settings: Settings) -> None:
    (settings.home / "language").mkdir(parents=True)
    (settings.home / "language" / "language.db").write_bytes(b"no database at all" * 1000)
    said = language_model.status(settings)
    assert said is not None
    assert (said["model"], said["projects"]) == ("tiny", {})


def test_the_key_lies_where_its_owner_alone_reads_and_jobs_elsewhere_get_none(settings: Settings) -> None:
    language_model.install(settings)
    path = settings.home / "language" / "key"
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("sesame", 0o600)
    model = language_model.for_job(settings, PROJECT)
    assert model is not None
    assert "sesame" not in model.model_dump_json()
    assert "sesame" not in repr(settings)
    assert language_model.for_job(settings.model_copy(update={"launcher": "kubeflow"}), PROJECT) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://somewhere/v1", "must be an address such as"),
        ("http://me:word@somewhere/v1", "a key belongs into LABELWHEEL_LLM_KEY"),
        ("http://somewhere/v1", "must name a model"),
    ],
)
def test_the_settings_are_checked_at_the_start(url: str, said: str) -> None:
    with pytest.raises(InvalidSettings, match=said):
        load(llm_url=url)


def test_status_and_metrics_say_where_texts_go_and_what_it_costs(settings: Settings, database_url: str) -> None:
    settings = settings.model_copy(update={"database": database_url})
    home_folder.prepare(settings)
    app = create_app(settings, start=False)
    account = Account(settings.home / "language")
    reserved = account.reserve(str(PROJECT), 0.0, settings.llm_budget)
    assert reserved is not None
    account.settle(str(PROJECT), reserved, Spent(3, 1000, 20, 4.99))
    try:
        client = app.test_client()
        said = client.get("/api/v1/status").json
        text = client.get("/metrics").text
    finally:
        app.extensions["labelwheel"].queue.close()
    assert said["language_model"]["model"] == "tiny"
    assert said["language_model"]["projects"]["7"] == {
        "today": 4.99, "reached": True, "requests": 3, "tokens_in": 1000, "tokens_out": 20, "money": 4.99,
    }  # fmt: skip
    assert "sesame" not in json.dumps(said)
    shown = StringIO()
    Console(file=shown, width=200).print(overview.render(said, "http://here"))
    assert f"texts go to tiny at {said['language_model']['place']}, for 5 a day and project" in shown.getvalue()
    shown.seek(0)
    said["language_model"]["redaction"] = "mails"
    Console(file=shown, width=200).print(overview.render(said, "http://here"))
    assert "for 5 a day and project, redacted by mails" in shown.getvalue()
    assert "project 7: 4.99 today, 4.99 in all, the budget of today is reached: the small model" in shown.getvalue()
    assert 'labelwheel_llm_tokens_total{direction="in",project="7"} 1000.0' in text
    assert 'labelwheel_llm_money{project="7"} 4.99' in text


def kind_of_rows(kind: str) -> tuple[Question, list[LabelledExample], Any]:
    """A question, its rows, and what a model says that knows the truth, in its own shape."""
    options = tuple(Option(value=value) for value in TOPIC.values)
    extra: dict[str, Any] = {"rating": {"minimum": 1, "maximum": 3}, "number": {"minimum": 0, "maximum": 10}}.get(
        kind, {"maximum": 1} if kind == "text" else {"options": options}
    )
    question = Question(name="asked", kind=kind, inputs=("text",), **extra)
    found, said = [], {}
    for row in hidden():
        place = TOPIC.values.index(row.answer)
        text = row.example.fields["text"]
        start = text.index("code")
        answer, shape = {
            "choices": ([row.answer], [row.answer]),
            "rating": (place + 1, str(place + 1)),
            "number": (place * 5.0, place * 5.0),
            "text": (f"This is {row.answer}, {text[12:]}.", f"This is {row.answer}, {text[12:]}."),
            "spans": (
                [{"start": start, "end": start + 4, "label": row.answer}],
                [{"quote": "code", "label": row.answer}],
            ),
        }[kind]
        found.append(row.model_copy(update={"answer": answer}))
        said[text] = shape
    return question, found, lambda messages: said[json.loads(messages[-1]["content"])["text"]]


@pytest.mark.parametrize("kind", ["choices", "rating", "number", "spans", "text"])
def test_a_job_of_its_own_learns_every_kind_so_without_a_secret_in_its_environment(
    kind: str, scripted: ScriptedModel, settings: Settings, tmp_path: Path
) -> None:
    question, some, scripted.answering = kind_of_rows(kind)
    spec = JobSpec(
        version="v1", question=question, output=str(tmp_path / "v1"), data=str(tmp_path / "data.jsonl"),
        base_model=str(small_model(tmp_path / "base")), device="cpu", threads=1, fine_tuning=False, artefact=False,
        language=language_model.for_job(settings, PROJECT),
    )  # fmt: skip
    (tmp_path / "data.jsonl").write_text("".join(f"{row.model_dump_json()}\n" for row in some))
    (tmp_path / "spec.json").write_text(spec.model_dump_json())
    environment = child.environment(1, hub=False, withheld=launchers.WITHHELD)
    command = [sys.executable, "-m", "labelwheel.training.job", str(tmp_path / "spec.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "sesame" not in done.stderr
    manifest = checkpoint.read(tmp_path / "v1").manifest
    assert manifest.recipe == "in_context", done.stderr
    assert scripted.keys == {"Bearer sesame"}

    language_model.install(settings)
    served = ChosenEngine(device="cpu", cores=1).load(tmp_path / "v1")
    held = [row for row in some if row.part is Part.HELD_OUT]
    examples = [row.example for row in held]
    encodings = served.encode(question, examples)
    found = served.decode(question, examples, encodings, served.head(served.encoder.features(encodings)))
    assert [one.answer for one in found] == [row.answer for row in held]
    scripted.fault = "500"
    fresh = [Example(key="x", fields={"text": "the code is nobody's"})]
    encodings = served.encode(question, fresh)
    meanwhile = served.decode(question, fresh, encodings, served.head(served.encoder.features(encodings)))
    assert isinstance(meanwhile, Passing), "what lies beside it answers for every kind"
