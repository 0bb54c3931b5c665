"""A Space's folder as a process of its own: it answers, and what visitors flag comes back as labels."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from playwright.sync_api import Page, expect, sync_playwright

from labelwheel.backend.publishing.space import server
from labelwheel.backend.publishing.space.flags import Flags
from labelwheel.plugins.http import own_session
from testkit import truth
from testkit.argilla import ArgillaServer
from testkit.argilla_api import label_question, span_question, text_field
from testkit.argilla_stage import TOPICS
from testkit.browser import ARGUMENTS
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from testkit.space import TOKEN, SpaceServer
from testkit.wsgi_server import serving
from tests.backend.publishing.test_space import ASKED, TEXT, texts, written

__all__ = ["written"]

pytestmark = pytest.mark.server

CONFIG = (
    '<View><Text name="text" value="$message"/><Choices name="topic" toName="text"><Choice value="parcel lost"/>'
    '<Choice value="refund wanted"/></Choices><Labels name="words" toName="text"><Label value="why"/></Labels></View>'
)


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(environment=quick | {"LABELWHEEL_SPACE_TOKEN": TOKEN}) as wheel:
        yield wheel


@pytest.fixture(scope="module")
def project(studio: LabelStudioServer, wheel: LabelwheelServer) -> int:
    """Label Studio's number of a project with a champion that was made of the names of its labels."""
    project = studio.create_project(CONFIG, [{"message": f"message {number}"} for number in range(3)])
    wheel.connect("label-studio", studio.url, studio.pat, project=project)
    return project


@pytest.fixture(scope="module")
def space(wheel: LabelwheelServer, project: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpaceServer]:
    folder = tmp_path_factory.mktemp("space") / "topic"
    said = run(wheel, "space", *at(wheel, project), "-q", "topic", "--out", str(folder))
    assert f"is in {folder}" in said
    assert "the names of the labels" in said
    with SpaceServer(folder) as space:
        yield space


def at(wheel: LabelwheelServer, project: int | str) -> tuple[str, str]:
    number = next(each["id"] for each in wheel.status()["projects"] if each["external_id"] == str(project))
    return "-p", str(number)


def run(wheel: LabelwheelServer, *arguments: str, code: int = 0) -> str:
    done = wheel.run(*arguments)
    assert done.returncode == code, done.stderr
    assert not code or done.stderr.count("\n") == 1, done.stderr
    return done.stdout + done.stderr


def ask(space: SpaceServer, path: str, body: dict[str, Any]) -> dict[str, Any]:
    with own_session() as session:
        answer = session.post(f"{space.url}/api/{path}", json=body, timeout=60)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def labelled(wheel: LabelwheelServer, number: str, text: str) -> Any:
    query = (
        "SELECT l.answer, l.question FROM labels l JOIN examples e ON e.project_id = l.project_id "
        "AND e.key = l.example_key WHERE l.project_id = ? AND e.fields LIKE ?"
    )
    rows = truth.rows(wheel, query, int(number), f"%{text}%")
    return [(row["question"], json.loads(row["answer"])) for row in rows]


def test_a_flagged_answer_comes_back_as_a_label(
    studio: LabelStudioServer, wheel: LabelwheelServer, project: int, space: SpaceServer
) -> None:
    where, asked = at(wheel, project), "my own parcel never came <b>at all</b>"
    assert ask(space, "answer", {"texts": ["I want my money back"]})["answer"] == "refund wanted"
    ask(space, "flag", {"texts": [asked], "answer": "refund wanted"})
    ask(space, "flag", {"texts": ["a second one"], "answer": "parcel lost"})
    before = studio.task_ids(project)
    said = run(wheel, "space", "--pull", space.url, *where, "-q", "topic")
    assert "2 flagged answers to topic are in the labelling tool" in said
    wheel.until(lambda: labelled(wheel, where[1], "my own parcel"), PATIENCE, "the label")
    assert labelled(wheel, where[1], "my own parcel") == [("topic", "refund wanted")]
    (task,) = [task for task in truth.labelled(studio, project).items() if "refund wanted" in str(task)]
    assert task
    added = [task for task in studio.task_ids(project) if task not in before]
    shown = [studio.api("GET", f"/api/tasks/{number}/")["data"]["message"] for number in added]
    assert shown == [asked, "a second one"]
    assert "0 flagged answers" in run(wheel, "space", "--pull", space.url, *where, "-q", "topic"), "they were taken"
    assert space.flags.read_text() == ""


def test_what_was_pulled_before_is_not_added_again(
    studio: LabelStudioServer, wheel: LabelwheelServer, project: int, space: SpaceServer, tmp_path: Path
) -> None:
    """As after a kill between the labelling tool and the Space, or from a copy of its file."""
    ask(space, "flag", {"texts": ["only once"], "answer": "parcel lost"})
    kept = tmp_path / "flags.jsonl"
    kept.write_text(space.flags.read_text() + '{"id": "x", "texts": ["bad"], "answer": "no such label"}\n{"id": "half')
    where = at(wheel, project)
    said = run(wheel, "space", "--pull", str(kept), *where, "-q", "topic", code=1)
    assert "1 could not be added, and they stay in the Space" in said
    assert "'no such label'" in said
    count = len(studio.task_ids(project))
    run(wheel, "space", "--pull", space.url, *where, "-q", "topic")
    assert len(studio.task_ids(project)) == count


def test_argilla_gets_them_as_well(argilla: ArgillaServer, wheel: LabelwheelServer, tmp_path: Path) -> None:
    spans = {**span_question("mentions", ["where"]), "required": False}
    fields, topic = [text_field()], label_question("topic", TOPICS)
    dataset = argilla.create_dataset("flagged", fields, [topic, spans], [{"text": "a text"}])
    wheel.connect("argilla", argilla.url, argilla.api_key, dataset="flagged")
    kept = tmp_path / "flags.jsonl"
    kept.write_text(json.dumps({"id": "f1", "texts": ["it went astray"], "answer": TOPICS[1]}) + "\n")
    where = at(wheel, "flagged")
    for _ in range(2):
        run(wheel, "space", "--pull", str(kept), *where, "-q", "topic")
    wheel.until(lambda: labelled(wheel, where[1], "it went astray"), PATIENCE, "the label")
    assert labelled(wheel, where[1], "it went astray") == [("topic", TOPICS[1])], "of spans nothing was said"
    assert [one["fields"]["text"] for one in argilla.records(dataset)].count("it went astray") == 1


@pytest.mark.parametrize(
    ("source", "said"),
    [("http://127.0.0.1:9", "cannot be reached"), ("nowhere.jsonl", "neither the address of a Space")],
)
def test_what_is_no_space_is_one_line(wheel: LabelwheelServer, project: int, source: str, said: str) -> None:
    assert said in run(wheel, "space", "--pull", source, *at(wheel, project), "-q", "topic", code=1)


def test_a_wrong_token_is_one_line(wheel: LabelwheelServer, project: int, space: SpaceServer) -> None:
    where = at(wheel, project)
    wheel.environment["LABELWHEEL_SPACE_TOKEN"] = "another"
    try:
        said = run(wheel, "space", "--pull", space.url, *where, "-q", "topic", code=1)
    finally:
        wheel.environment["LABELWHEEL_SPACE_TOKEN"] = TOKEN
    assert "does not know the token: set LABELWHEEL_SPACE_TOKEN" in said


ALONE = """if True:
    import builtins, json, sys
    from pathlib import Path
    folder, asked, real = Path(sys.argv[1]), set(), builtins.__import__
    def noted(name, space=None, *rest, **more):
        if str((space or {}).get("__name__")).startswith("labelwheel."):
            asked.add(name.partition(".")[0])
        return real(name, space, *rest, **more)
    builtins.__import__ = noted
    sys.path.insert(0, str(folder))
    from labelwheel.backend.publishing.space import server
    from labelwheel.backend.publishing.space.flags import Flags
    client = server.create(folder, Flags(Path(sys.argv[2])), None).test_client()
    assert client.post("/api/answer", json={"texts": ["a text"]}).status_code == 200
    assert client.post("/api/flag", json={"texts": ["a text"], "answer": "parcel lost"}).status_code == 201
    ours = {name: str(getattr(one, "__file__", "")) for name, one in sys.modules.items()}
    ours = {name: file for name, file in ours.items() if name.startswith("labelwheel.")}
    print(json.dumps([ours, sorted(asked - sys.stdlib_module_names)]))"""


def test_its_folder_has_all_that_it_runs_and_its_requirements_the_rest(space: SpaceServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(space.space), str(space.folder)], env=space.environment, cwd="/",
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours, asked = json.loads(done.stdout.splitlines()[-1])
    assert "labelwheel.training.model" in ours
    assert [name for name, path in ours.items() if not path.startswith(str(space.space))] == []
    required = {Requirement(one).name for one in (space.space / "requirements.txt").read_text().split()}
    owners = metadata.packages_distributions()
    assert {"torch", "transformers", "flask"} <= set(asked)
    assert [name for name in asked if name != "labelwheel" and not {*owners[name]} & required] == []


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        import shutil

        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser.new_page()
        browser.close()


CLICKS: dict[str, Callable[[Page], Any]] = {
    "one": lambda page: page.locator("#right select").select_option(index=1),
    "several": lambda page: page.locator("#right").get_by_label("refund").set_checked(True),
    "number": lambda page: page.locator("#right input").fill("7.5"),
    "words": lambda page: page.locator("#right textarea").first.fill("in other words"),
    "marks": lambda page: (
        page.evaluate("document.querySelectorAll('#marks mark').forEach((mark) => mark.click())"),
        page.evaluate(
            """() => {
            const text = document.getElementById('marks').firstChild, range = document.createRange();
            range.setStart(text, 3); range.setEnd(text, 12);
            getSelection().removeAllRanges(); getSelection().addRange(range); }"""
        ),
        page.locator("#right").get_by_role("button", name="refund").click(),
    ),
}


@pytest.mark.parametrize("kind", ASKED)
def test_people_ask_and_flag_each_kind_in_its_way(
    kind: str, written: Callable[[str], Path], browser_page: Page, tmp_path: Path
) -> None:
    flags, page = Flags(tmp_path), browser_page
    with serving(server.create(written(kind), flags, TOKEN)) as url:
        page.goto(f"{url}/")
        expect(page.locator("textarea")).to_have_count(len(texts(kind)))
        for area, text in zip(page.locator("textarea").all(), texts(kind), strict=True):
            area.fill(text + "<img src=x onerror=\"document.title='run'\">")
        page.get_by_role("button", name="Ask").click()
        page.get_by_role("button", name="This is wrong").click()
        CLICKS[page.evaluate("question.widget")](page)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#thanks")).to_be_visible()
        (flag,) = flags.all()
        assert flag["texts"][0].startswith(TEXT)
        right = ASKED[kind][1]
        if page.evaluate("question.widget") == "marks":
            # an emoji is one character to people and two to the browser
            assert flag["answer"] == [{"start": 3, "end": 11, "label": "refund"}]
        else:
            assert type(flag["answer"]) is type(right)
        assert page.locator("img").count() == 0
        assert page.title() != "run"
