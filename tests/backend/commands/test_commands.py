"""The commands against the real app with a real database; only the labelling tool and the models are fakes."""

import contextlib
import hashlib
import io
import json
import re
import sys
import tarfile
import threading

import datasets
import pytest

from labelwheel.backend import cli
from labelwheel.backend.app import create_app
from labelwheel.backend.commands import durations, explaining, learning, tuning
from labelwheel.backend.commands.exporting import Measured, unpack
from labelwheel.backend.database.tables import (
    CheckpointRow,
    Project,
    ProjectState,
    QuestionRow,
    Round,
    RoundState,
    TuningRow,
    now,
)
from labelwheel.backend.errors import ServiceUnreachable
from labelwheel.backend.projects import decisions, projects
from labelwheel.backend.settings import Settings
from testkit.wsgi_server import serving
from tests.backend import inspection_rows
from tests.backend.processes.processes import until
from tests.backend.serving.fakes import LABELS, FakeEngine, question
from tests.backend.stage import Stage


@pytest.fixture
def stage(tmp_path, monkeypatch):
    stage = Stage(Settings(home=tmp_path / "home"))
    stage.connect("mood", "tone")
    stage.promote({"mood": "v1", "tone": "v1001"})
    stage.promote({"mood": "v2"})
    app = create_app(stage.settings, FakeEngine(), start=False)
    stage.models = app.extensions["labelwheel"].served_models
    monkeypatch.delenv("LABELWHEEL_TOKEN", raising=False)
    with serving(app) as url:
        monkeypatch.setenv("LABELWHEEL_URL", url)
        yield stage
    stage.database.dispose()


@pytest.fixture
def run(capsys, monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["labelwheel", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        code = ended.value.code or 0
        if code:
            assert err.count("\n") == 1, f"a failure is one line: {err!r}"
            assert err.startswith("labelwheel: ")
        return code, " ".join(out.split()), err

    return run


def test_status_shows_questions_champions_and_decisions(stage, run):
    with stage.database.transaction() as tx:
        decisions.decide(tx, tx.get(Project, stage.project), "mood", "rejected", "it lost 4 points on [bad]")
    code, out, _ = run("status")
    assert code == 0
    for expected in ("Messages", "mood", "v2", "accuracy .91 (.88–.94)", "tone", "v1001", "rejected"):
        assert expected in out
    assert "it lost 4 points on [bad]" in out, "brackets are no markup"
    assert "the worker is not running" in out


def test_status_for_programs(stage, run):
    import json

    code, out, _ = run("status", "--json")
    assert code == 0
    assert json.loads(out)["projects"][0]["title"] == "Messages"


def test_status_with_nothing_connected(stage, run):
    with stage.database.transaction() as tx:
        tx.get(Project, stage.project).state = ProjectState.DISCONNECTED
    assert "labelwheel connect" in run("status")[1]
    assert run("train")[0] == 1


def test_several_questions_have_to_be_told_apart(stage, run):
    code, _, err = run("train")
    assert code == 1
    assert "--question" in err
    assert "mood, tone" in err
    code, _, err = run("train", "--question", "nope")
    assert (code, "mood, tone" in err) == (1, True)


def test_several_projects_have_to_be_told_apart(stage, run):
    other = stage.connect("mood", title="Others", reference="2.99")
    code, _, err = run("checkpoints", "-q", "mood")
    assert code == 1
    assert f"{stage.project} (Messages), {other} (Others)" in err
    assert run("checkpoints", "-q", "mood", "-p", "Messages")[0] == 0
    assert run("checkpoints", "-p", other)[0] == 0
    assert run("checkpoints", "-p", "Nobody's")[0] == 1


def label_enough(stage, count=80):
    """So that a round could be promoted: one that could not is refused at once."""
    stage.label("mood", {f"text {number} says {number**7}": LABELS[number % 2] for number in range(count)})


def test_train_queues_a_round_once(stage, run):
    label_enough(stage)
    code, out, _ = run("train", "-q", "mood")
    assert code == 0
    assert "queued" in out
    code, _, err = run("train", "-q", "mood")
    assert code == 1
    assert "active already" in err


def test_labels_are_exported_as_a_dataset_with_their_split(stage, run, tmp_path):
    texts = {hashlib.sha256(bytes([number])).hexdigest(): LABELS[number % 2] for number in range(60)}
    stage.label("mood", texts)
    out = tmp_path / "labels"
    code, said, _ = run("export", "-q", "mood", "--labels", "--out", out)
    assert (code, "60 labelled examples of mood" in said) == (0, True)
    found = datasets.load_from_disk(str(out))
    assert len(found["train"]) + len(found["test"]) == 60
    assert 0 < len(found["test"]) < 30
    names = found["train"].features["label"].names
    assert {row["text"]: names[row["label"]] for split in found.values() for row in split} == texts
    assert run("export", "-q", "mood", "--labels", "--version", "v1", "--out", tmp_path / "other")[0] == 1


def test_labels_that_end_early_are_not_kept(stage, run, tmp_path, monkeypatch):
    stage.label("mood", {"one": LABELS[0], "two": LABELS[1]})

    def cut(*_):
        yield json.dumps({"question": question().model_dump(mode="json")}) + "\n"

    monkeypatch.setattr("labelwheel.backend.web.exports._labels", cut)
    code, _, err = run("export", "-q", "mood", "--labels", "--out", tmp_path / "labels")
    assert (code, "ended early" in err) == (1, True)
    assert not (tmp_path / "labels").exists()


@pytest.mark.parametrize(
    ("state", "code"), [(RoundState.PROMOTED, 0), (RoundState.REJECTED, 0), (RoundState.FAILED, 1)]
)
def test_train_wait_says_the_decision(stage, run, state, code, capsys, monkeypatch):
    label_enough(stage)

    def decide():
        ordered = False
        while not ordered and not over.wait(0.2):
            with stage.database.transaction() as tx:
                for found in tx.query(Round).all():
                    found.state, found.reason, ordered = state, "it won 3 points", True

    over = threading.Event()
    runner = threading.Thread(target=decide, daemon=True)
    runner.start()
    monkeypatch.setattr(sys, "argv", ["labelwheel", "train", "-q", "mood", "--wait"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    over.set()
    runner.join()
    out = capsys.readouterr().out
    assert f"{state}: it won 3 points" in out
    assert (ended.value.code or 0) == code


def test_what_is_held_is_promoted_by_a_command(stage, run, monkeypatch):
    label_enough(stage)
    code, _, err = run("promote", "-q", "mood")
    assert (code, "no round of 'mood' is held" in err) == (1, True)
    code, _, err = run("train", "-q", "mood", "--hold", "soon")
    assert (code, "--hold 'soon' is no duration" in err) == (1, True)
    assert run("train", "-q", "mood", "--hold", "2h")[0] == 0
    with stage.database.transaction() as tx:
        ordered = tx.query(Round).one()
        assert ordered.hold == 7200
        ordered.state, ordered.held_until = RoundState.HELD, now()

    def becomes(state):
        with stage.database.transaction() as tx:
            tx.query(Round).one().state = state

    for state, expected in ((RoundState.PROMOTED, 0), (RoundState.REJECTED, 1)):
        monkeypatch.setattr(learning.time, "sleep", lambda _, state=state: becomes(state))
        with stage.database.transaction() as tx:
            found = tx.query(Round).one()
            found.state, found.hold = RoundState.HELD, 7200
        monkeypatch.setattr(sys, "argv", ["labelwheel", "promote", "-q", "mood"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert (ended.value.code or 0) == expected


def test_rollback_and_checkpoints(stage, run):
    code, out, _ = run("rollback", "-q", "mood")
    assert (code, "v1" in out) == (0, True)
    assert "★ v1" in run("checkpoints", "-q", "mood")[1]
    assert "v2" in run("rollback", "-q", "mood", "--to", "v2")[1]
    code, _, err = run("rollback", "-q", "mood", "--to", "v77")
    assert (code, "v77" in err) == (1, True)


def test_export_writes_a_folder_and_never_over_one(stage, run, tmp_path):
    out = tmp_path / "out" / "model"
    code, said, _ = run("export", "-q", "mood", "--out", out)
    assert (code, "v2" in said) == (0, True)
    assert {each.name for each in out.iterdir()} == {"model.safetensors", "README.md"}
    assert (out / "model.safetensors").read_text() == "the weights of v2"
    code, _, err = run("export", "-q", "mood", "--out", out)
    assert (code, "not empty" in err) == (1, True)
    assert run("export", "-q", "mood", "--out", out / "model.safetensors")[0] == 1
    assert run("export", "-q", "mood", "--version", "v77", "--out", tmp_path / "other")[0] == 1
    assert [each.name for each in tmp_path.iterdir() if each.name != "home"] == ["out"]
    assert list((tmp_path / "out").iterdir()) == [out]


def archive(*members, size=None):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return io.BytesIO(stream.getvalue()[:size])


def member(name, **changes):
    info = tarfile.TarInfo(name)
    info.size = 2000
    for key, value in changes.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    "bad",
    [
        archive(member("../escaped")),
        archive(member("/tmp/escaped")),
        archive(member("a/../../escaped")),
        archive(member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0)),
        archive(member("link", type=tarfile.LNKTYPE, linkname="a", size=0)),
        archive(member("fifo", type=tarfile.FIFOTYPE, size=0)),
        archive(member("whole"), member("cut"), size=3000),
        archive(member("whole"), member("cut"), size=4000),
        io.BytesIO(b"not a tar" * 100),
    ],
)
def test_an_export_that_is_no_plain_tar_is_refused(bad, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(ServiceUnreachable):
        unpack(Measured(bad, 10_240), target)
    assert [each.name for each in tmp_path.iterdir()] == ["target"]


def test_connect_shows_the_outcome(stage, run, monkeypatch):
    monkeypatch.setenv("LABELWHEEL_API_KEY", "hunter2")
    told = {
        "place": "llm.test:8000",
        "model": "tiny",
        "role": "teacher",
        "redaction": "mails",
        "budget": 2.5,
        "projects": {},
    }
    monkeypatch.setattr("labelwheel.backend.rounds.language_model.status", lambda settings: told)

    def work(state, problem=None):
        with stage.database.transaction() as tx:
            found = tx.query(Project).order_by(Project.id.desc()).first()
            found.state, found.problem, found.title = state, problem, "New ones"

    arguments = ("connect", "label-studio", "--url", "http://tool.test:8080", "--project", "7")
    timer = threading.Timer(1.0, work, [ProjectState.CONNECTED])
    timer.start()
    code, out, _ = run(*arguments)
    timer.join()
    assert code == 0
    assert "New ones is connected" in out
    assert "texts go to the language model tiny at llm.test:8000 (LABELWHEEL_LLM_URL), for up to 2.5 a day" in out
    assert "also some that nobody asks about (LABELWHEEL_LLM_ROLE), redacted by mails" in out
    assert "hunter2" not in out
    timer = threading.Timer(1.0, work, [ProjectState.FAILED, "set USE_DEFAULT_BANNED_SUBNETS=false over there"])
    timer.start()
    code, _, err = run(*arguments)
    timer.join()
    assert (code, err) == (1, "labelwheel: set USE_DEFAULT_BANNED_SUBNETS=false over there\n")


def test_connect_says_what_is_shared_and_what_is_not(stage, run, monkeypatch):
    monkeypatch.setenv("LABELWHEEL_API_KEY", "hunter2")

    def work():
        with stage.database.transaction() as tx:
            found = tx.query(Project).order_by(Project.id.desc()).first()
            assert found.share_with_id == stage.project
            home = tx.query(QuestionRow).filter_by(project_id=stage.project, name="tone").one()
            for name, home_id in (("voice", home.id), ("mood", None)):
                spec = question(name).model_dump(mode="json")
                tx.add(QuestionRow(project_id=found.id, name=name, spec=spec, home_id=home_id))
            found.state, found.title = ProjectState.CONNECTED, "New ones"

    timer = threading.Timer(1.0, work)
    timer.start()
    code, out, _ = run(
        "connect", "label-studio", "--url", "http://t.test:8080", "--project", "7", "--share-with", "Messages"
    )
    timer.join()
    assert code == 0
    assert "voice shares its champion with tone of project 1 (Messages)" in out
    assert "not shared: mood: project Messages has no single question of the same kind with the same options" in out
    assert "tone shares its champion with voice of project 2 (New ones)" in run("status")[1]


def test_connect_without_a_worker_does_not_wait_for_ever(stage, run, monkeypatch):
    monkeypatch.setattr("labelwheel.backend.commands.connecting.WORKER_SECONDS", 0.2)
    code, _, err = run("connect", "label-studio", "--url", "http://t.test", "--project", 7, "--api-key", "hunter2")
    assert (code, "no worker" in err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["conect"],
        ["train", "--nope"],
        ["connect"],
        ["connect", "label-studio", "--url", "http://t.test", "--project", "7"],
        ["export"],
        ["serve", "--port", "x"],
    ],
)
def test_mistakes_on_the_command_line_are_one_line_and_2(run, arguments, monkeypatch):
    monkeypatch.delenv("LABELWHEEL_API_KEY", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(*arguments)[0] == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["export"], "'--out'. (see `labelwheel export --help`)"),
        (["connect", "label-studio", "--project", "7"], "(see `labelwheel connect label-studio --help`)"),
        (["serve", "--port", "x"], "'--port': it must be a whole number (see `labelwheel serve --help`)"),
        (["conect"], "(see `labelwheel --help`)"),
    ],
)
def test_a_mistake_points_to_the_command_that_knows_better(run, arguments, told):
    code, _, err = run(*arguments)
    assert (code, told in err) == (2, True), err


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("PORT", "abc", "LABELWHEEL_PORT: must be a whole number"),
        ("GROWTH", "-1", "LABELWHEEL_GROWTH: must be more than 0"),
        ("GROWTH", "much", "LABELWHEEL_GROWTH: must be a number"),
        ("ARTEFACT", "perhaps", "LABELWHEEL_ARTEFACT: must be true or false"),
    ],
)
def test_settings_are_refused_in_plain_words(run, monkeypatch, variable, value, told):
    monkeypatch.setenv(f"LABELWHEEL_{variable}", value)
    code, _, err = run("status")
    assert (code, told in err) == (1, True), err


def test_help_lists_connect_second_and_flags_without_a_type(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    out = run("--help")[1]
    places = [out.index(f"│ {name} ") for name in ("serve", "connect", "status", "disconnect")]
    assert places == sorted(places)
    assert "<bool>" not in out + run("status", "--help")[1] + run("connect", "label-studio", "--help")[1]


def test_status_of_one_project(stage, run):
    stage.connect("mood", title="Others", reference="2.99")
    assert "Messages" not in run("status", "-p", "Others")[1]
    found = json.loads(run("status", "-p", "Others", "--json")[1])
    assert [each["title"] for each in found["projects"]] == ["Others"]
    assert run("status", "-p", "nobody's")[0] == 1


def test_predict_finds_the_champions_where_the_service_keeps_them(stage, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("labelwheel.backend.commands.predicting.load", lambda: Settings(home=tmp_path / "elsewhere"))
    found = []
    monkeypatch.setattr(
        "labelwheel.backend.serving.engines.choice.ChosenEngine.load_any", lambda _, folder, field: found.append(folder)
    )
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a"}')
    with contextlib.suppress(AttributeError):  # a fake checkpoint has no model
        run("predict", source, "--out", tmp_path / "out.jsonl", "-q", "mood")
    assert found == [stage.settings.checkpoints.folder / "v2"]


def test_the_service_must_be_there(run, monkeypatch):
    monkeypatch.setenv("LABELWHEEL_URL", "http://127.0.0.1:9")
    for command in (["status"], ["train"], ["checkpoints"], ["report"], ["rollback"]):
        code, _, err = run(*command)
        assert (code, "labelwheel serve" in err) == (1, True)


def test_settings_that_do_not_fit_are_one_line(run, monkeypatch):
    monkeypatch.setenv("LABELWHEEL_TOKEN", "short")
    code, _, err = run("status")
    assert (code, "LABELWHEEL_TOKEN" in err) == (1, True)
    assert "short\n" not in err


def test_an_engine_that_the_device_cannot_have_is_one_line(run, monkeypatch):
    monkeypatch.setenv("LABELWHEEL_DEVICE", "cuda")
    monkeypatch.setenv("LABELWHEEL_ENGINE", "onnx")
    code, _, err = run("status")
    assert (code, err.count("\n")) == (1, 1)
    assert "LABELWHEEL_ENGINE: onnx runs on a CPU" in err


@pytest.fixture
def failing_worker(stage):
    """What a worker does to each project that is to be connected."""
    stop = threading.Event()

    def work():
        while not stop.wait(0.05):
            with stage.database.transaction() as tx:
                for project in tx.query(Project).filter_by(state=ProjectState.CONNECTING):
                    project.state, project.problem = ProjectState.FAILED, "no project 21 that this token may see"

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


CONNECT = ("connect", "label-studio", "--url", "http://tool.test:8080", "--api-key", "key")


def test_a_connect_that_fails_says_why_and_leaves_nothing(stage, run, failing_worker):
    code, _, err = run(*CONNECT, "-p", "21")
    assert (code, "no project 21 that this token may see" in err) == (1, True)
    with stage.database.session() as session:
        assert [project.id for project in session.query(Project)] == [stage.project]
    assert run("checkpoints", "-q", "mood")[0] == 0, "no other command asks which project is meant"


def connecting(stage):
    with stage.database.session() as session:
        return session.query(Project).filter_by(state=ProjectState.CONNECTING).all()


def test_a_failed_project_is_nobodys_choice(stage, run, failing_worker):
    assert run(*CONNECT, "-p", "21", "--no-wait")[0] == 0
    until(lambda: not connecting(stage))
    assert run("checkpoints", "-q", "mood")[0] == 0
    assert run("status")[0] == 0


@pytest.mark.parametrize("url", ["http://intern.test/secret?x=", "http://user:word@tool.test", "ftp://x", "nonsense"])
def test_an_address_that_is_none_is_one_line(stage, run, url):
    code, _, err = run("connect", "label-studio", "--url", url, "--api-key", "key", "-p", "21")
    assert (code, "word" in err) == (1, False)
    with stage.database.session() as session:
        assert [project.id for project in session.query(Project)] == [stage.project]


def test_a_forecast_is_made_from_the_champions_scores(stage, run):
    code, out, _ = run("forecast", "--question", "mood")
    assert code == 0
    assert "before anything can be said" in out
    with stage.database.transaction() as tx:
        home = tx.query(QuestionRow).filter_by(name="mood").one().id
        for number, (labels, score) in enumerate([(40, 0.6), (80, 0.7), (160, 0.78), (320, 0.84)]):
            common = {"question_id": home, "folder": "x", "recipe": "tuned", "digest": "d", "metric": "accuracy"}
            tx.add(
                CheckpointRow(
                    version=f"f{number}", label_count=labels, last_event_id=0, score=score, low=score - 0.03,
                    high=score + 0.03, **common,
                )
            )  # fmt: skip
    code, out, _ = run("forecast", "--target", 0.9, "--json", "--question", "mood")
    said = json.loads(out)["mood"]
    assert (said["target"], said["labels"], said["reached"]) == (0.9, 320, False)
    assert said["needed"]["low"] < said["needed"]["median"]
    assert said["needed"]["median"] > 320
    code, out, _ = run("forecast", "--target", 0.9)
    assert f"{said['needed']['median']:,}" in out
    told = re.fullmatch(
        r"about ([\d,]+) labels more than the 320 of the last round \(.* in four cases of five\): .*", said["reason"]
    )
    assert told, "what was labelled since was counted as still to come"
    assert int(told[1].replace(",", "")) == pytest.approx(said["needed"]["median"] - 320, rel=0.05)
    assert "mood" in out
    assert "tone" in out
    assert run("forecast", "--target", 1.5)[0] != 0
    with stage.database.transaction() as tx:
        curve = [
            {"labels": labels, "score": score, "low": score - 0.03, "high": score + 0.03}
            for labels, score in [(50, 0.6), (100, 0.7), (200, 0.78), (360, 0.84)]
        ]
        tx.add(
            Round(
                project_id=stage.project, question_id=home, trigger="labels", recipe="auto", state="rejected",
                version="drawn", label_count=400, learning_curve=curve,
            )
        )  # fmt: skip
    code, out, _ = run("forecast", "--target", 0.9, "--json", "--question", "mood")
    drawn = json.loads(out)["mood"]
    assert drawn["labels"] == 400
    assert drawn["needed"] != said["needed"]


def test_label_errors_are_listed_with_who_answered_and_what_the_model_says(stage, run):
    code, out, _ = run("errors")
    assert code == 0
    assert "mood: no inspection has looked for label errors yet" in out
    assert "tone: no inspection has looked for label errors yet" in out
    stage.label("mood", {"[bold]rain again": "bad", "sun at last": "good"})
    label = {
        "key": "e0", "text": "[bold]rain again", "answer": "bad", "suggestion": "good", "labelled": "bad",
        "would_say": "good", "probability": 0.876,
        "score": 0.9, "nearest": [{"key": "e1", "text": "sun at last", "answer": "good", "cosine": 0.8}],
    }  # fmt: skip
    with stage.database.transaction() as tx:
        question = tx.query(QuestionRow).filter_by(name="mood").one()
        section = {"looked_at": 1200, "suspected": 31, "labels": [label]}
        checkpoint = tx.get_one(CheckpointRow, question.champion_id)
        inspection_rows.add(tx, checkpoint, {"label_errors": section}, last_event_id=10)
    code, out, _ = run("errors", "--question", "mood")
    assert "mood: confident learning suspects 31 of 1,200 labels (with v2)" in out
    assert "│ e0 │ [bold]rain again │ bad │ ann │ good │ 0.88 │" in out
    said = json.loads(run("errors", "--question", "mood", "--json")[1])
    [told] = said["mood"]["labels"]
    assert (told["label"], told["annotators"]) == ("bad", [{"annotator": "ann", "label": "bad"}])
    assert told["nearest"] == [{"key": "e1", "text": "sun at last", "label": "good", "cosine": 0.8}]


def test_label_errors_are_sent_back_to_the_labelling_tool(stage, run):
    assert "--send-back" not in run("errors")[1]
    code, out, _ = run("errors", "--send-back")
    assert code == 0
    assert "shows them within seconds" in out
    with stage.database.session() as session:
        wish = projects.get(session, stage.project).sent_back
    assert (wish["questions"], wish["by"]) == (["mood", "tone"], "admin")
    assert "until `labelwheel errors --no-send-back`" in run("errors")[1]
    assert json.loads(run("errors", "-q", "mood", "--json", "--send-back")[1])["mood"]["sent_back"]
    assert not json.loads(run("errors", "--json")[1])["tone"]["sent_back"], "only those that were asked for last"
    assert "shows them no more" in run("errors", "--no-send-back")[1]
    with stage.database.transaction() as tx:
        assert projects.get(tx, stage.project).sent_back["questions"] == []
        tx.get(Project, stage.project).state = ProjectState.CONNECTING
    code, _, err = run("errors", "--send-back")
    assert (code, "there is no tool to show label errors in" in err) == (1, True)


def test_an_answer_is_explained(stage, run):
    stage.label("mood", {f"text number {number} of some": "bad" for number in range(20)})
    stage.models.follow()
    code, out, _ = run("explain", "hello [there]", "-q", "mood")
    assert code == 0
    for expected in ("mood: good 0.00", "hello [there]", "carried by no word by itself", "nearest of", "1.00 bad text"):
        assert expected in out
    code, out, _ = run("explain", "hello there", "-q", "mood", "--json")
    assert (code, json.loads(out)["prediction"]["answer"]) == (0, "good")
    assert run("explain", "-q", "mood")[2].startswith("labelwheel: give a text, or the key")
    assert run("explain", "hello", "--example", "e1", "-q", "mood")[0] == 1
    assert "has no example 'e99'" in run("explain", "--example", "e99", "-q", "mood")[2]


def test_marked_words_and_spans_stand_out_in_the_terminal():
    span = {"start": 12, "end": 16, "label": "city"}
    body = {
        "question": {"name": "places"}, "version": "lw-1", "fields": {"text": "we two sit in Rome"},
        "prediction": {"answer": [{"start": 14, "end": 18, "label": "city"}], "score": 0.7, "item_scores": [0.9]},
        "words": [{"field": "text", "start": 11, "end": 13, "text": "in"}],
        "carried": [{"item": {"start": 14, "end": 18, "label": "city"}, "weights": [0.8], "marked": [0],
                     "rest": 0.1}],
        "nearest": [{"key": "1", "fields": {"text": "a day in Oslo"}, "label": [{**span, "start": 9, "end": 13}],
                     "likeness": 0.61}],
        "compared": 1200, "moved": [], "unmoved": "of spans it cannot be said",
    }  # fmt: skip
    found = list(explaining.lines(body))
    told = [line.plain.strip() for line in found]
    assert told == [
        "places: city “Rome”  0.70  lw-1", "city “Rome”  0.90", "we two sit in Rome",
        "carried by in; without it the answer is left at 0.10",
        "nearest of 1,200 labels", "0.61  city “Oslo”  a day in Oslo", "of spans it cannot be said",
    ]  # fmt: skip
    assert {(part.start, part.end, part.style) for part in found[2].spans} == {
        (11, 13, "bold reverse"), (14, 18, "underline"),
    }  # fmt: skip


def test_labels_that_moved_an_answer_are_told_with_their_shares():
    label = {"key": "1", "fields": {"text": "sun at last", "context": ""}}  # one that people may leave empty
    body = {
        "question": {"name": "mood"}, "version": "lw-1", "fields": {"text": "sun"}, "words": [], "carried": [],
        "prediction": {"answer": "good", "score": 0.7, "item_scores": []}, "nearest": [], "compared": 12,
        "moved": [{**label, "item": "good", "label": "good", "share": 0.3},
                  {**label, "item": "good", "label": "bad", "share": -0.05}],
        "unmoved": None,
    }  # fmt: skip
    told = [line.plain.strip() for line in explaining.lines(body)]
    assert told[2:] == [
        "labels that moved it most, by a regression on the model's features",
        "+30%  good  sun at last", "-5%  bad  sun at last",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("20 min", 1200), ("1.5h", 5400), ("1h30m", 5400), ("1d", 86400)]
)
def test_budgets_are_durations(text, seconds):
    assert durations.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "20", "long", "20m!", "m", "-5m", "1e3s", "10s", "8d", "20x"])
def test_budgets_that_are_none_are_one_clear_line(stage, run, text):
    code, _, err = run("tune", "-q", "mood", f"--budget={text}")
    assert code == 1
    assert f"--budget {text!r} is " in err
    assert "90s, 20m" in err or "from 30s to 7d" in err


def test_a_search_is_ordered_once_followed_ended_and_forgotten(stage, run, monkeypatch):
    code, _, err = run("tune", "-q", "mood")
    assert code == 1
    assert "a search takes 50: label at least" in err
    label_enough(stage, 90)
    code, out, _ = run("tune", "-q", "mood", "--budget", "20m", "--trials", "5")
    assert code == 0
    assert "search 1 of mood is queued" in out
    code, _, err = run("tune", "-q", "mood")
    assert code == 1
    assert "under way already" in err
    assert "being tuned: 0 %" in run("status")[1]
    code, out, _ = run("tune", "-q", "mood", "--cancel")
    assert (code, out) == (0, "search 1 of mood is ended; nothing changes")
    code, _, err = run("tune", "-q", "mood", "--cancel")
    assert code == 1
    assert "no search for 'mood' is under way" in err
    assert "learns by the defaults already" in run("tune", "-q", "mood", "--forget")[1]

    def end(_):
        with stage.database.transaction() as tx:
            row = tx.get_one(TuningRow, 2)
            row.state, row.reason = "done", "worth less than its noise; nothing changes"

    monkeypatch.setattr(tuning.time, "sleep", end)
    code, out, _ = run("tune", "-q", "mood", "--wait")
    assert (code, out) == (0, "done: worth less than its noise; nothing changes")


def test_options_of_a_search_that_make_no_sense_are_one_line(run):
    code, _, err = run("tune", "--trials", "0")
    assert code == 2
    assert "(see `labelwheel tune --help`)" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "either --out FOLDER, or --pull"),
        (("--out", "a", "--pull", "b"), "either --out FOLDER, or --pull"),
        (("--pull", "b", "--version", "v1"), "are for --out"),
        (("--out", "a", "--drop"), "is for --pull"),
        (("--pull", "https://a.test"), "set LABELWHEEL_SPACE_TOKEN"),
        (("--pull", "no-such-file"), "neither the address of a Space"),
    ],
)
def test_a_space_is_written_or_pulled_from(stage, run, monkeypatch, arguments, told):
    monkeypatch.delenv("LABELWHEEL_SPACE_TOKEN", raising=False)
    code, _, err = run("space", *arguments)
    assert (code, told in err) == (1, True)


def test_a_folder_of_something_else_is_no_space(stage, run, tmp_path):
    (tmp_path / "mine").write_text("text")
    assert "not empty" in run("space", "-q", "mood", "--out", tmp_path)[2]
    code, _, err = run("pull", "--from", "hub:a/b", "--out", tmp_path)
    assert (code, "not empty" in err) == (1, True)
