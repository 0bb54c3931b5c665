"""Whatever a page shows comes out as text: each string of each template is made markup, and read as a browser does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import pytest
from flask import Flask
from sqlalchemy import select

from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.database.tables import Base, CheckpointRow, Round
from labelwheel.backend.settings import Settings
from labelwheel.backend.web.pages import frame, sign_in
from tests.backend import inspection_rows, reported
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage
from tests.backend.web.test_pages import pages

ADMIN = {"Authorization": "Bearer the-admins-own-token"}
TEMPLATES = Path(frame.__file__).parent / "templates"
LISTS = ("least-sure", "label-errors", "disagreements")
OURS = {"tabs", "page", "api_path", "listed"}
"""What no person and no job has written, and links are made from."""
TIME, WORD = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"[a-z_-]*")

Spares = Callable[[str], bool]


class Reader(HTMLParser):
    """What a browser would run or fetch, and the text that it would show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.shown = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        source = given.get("src", "/assets/").partition("?")[0]
        if not source.startswith(("/assets/", "/charts/")) or (tag == "script" and "src" not in given):
            self.found.append(f"<{tag} {given}>")
        self.shown += "\n".join(given.values())
        self.found += [f"<{tag} {name}>" for name in given if name.startswith("on")]
        self.found += [given["href"] for name in given if name == "href" and given[name].startswith("javascript")]

    def handle_data(self, data: str) -> None:
        self.shown += data


def poisoned(value: Any, spared: Spares) -> Any:
    """The same with markup behind each string."""
    if isinstance(value, str):
        return value if spared(value) else f"{value} {reported.MARKUP}"
    if isinstance(value, Mapping):
        return {name: poisoned(each, spared) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [poisoned(each, spared) for each in value]
    if isinstance(value, Base):
        columns = {each.key: getattr(value, each.key) for each in type(value).__table__.columns}
        return SimpleNamespace(**poisoned(columns, spared))
    return value


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """A question whose every figure is known, with doubts, people who differ, and rounds."""
    stage = Stage(Settings(home=tmp_path, token="the-admins-own-token"))
    stage.connect("mood")
    reported.promote(stage, inspect=False)
    stage.label("mood", {"a text": "good", "another text": "bad"})
    with stage.database.transaction() as tx:
        error = {
            "key": "e0", "text": "a text", "answer": "good", "suggestion": "bad", "labelled": "good",
            "would_say": "bad", "probability": 0.875, "score": 0.8,
            "nearest": [{"key": "e1", "text": "another text", "answer": "bad", "cosine": 0.7}],
        }  # fmt: skip
        found = reported.FOUND | {"label_errors": {"looked_at": 40, "suspected": 3, "labels": [error]}}
        tx.add(Round(project_id=1, question_id=1, trigger="command", recipe="auto", version="v1", state="promoted"))
        checkpoint = tx.scalars(select(CheckpointRow)).first()
        inspection_rows.add(tx, checkpoint, found, last_event_id=99)
    app = create_app(stage.settings, FakeEngine(), start=False)
    app.extensions[EXTENSION].served_models.follow()
    yield app
    app.extensions[EXTENSION].queue.close()
    app.extensions[EXTENSION].database.dispose()
    stage.database.dispose()


def test_every_template_shows_markup_as_text(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    read = set[str]()
    loader = app.jinja_env.loader
    assert loader is not None
    get_source = loader.get_source

    def source(environment: Any, name: str) -> Any:
        read.add(name)
        return get_source(environment, name)

    monkeypatch.setattr(loader, "get_source", source)
    for spares_words in (True, False):

        def spared(value: str, spares_words: bool = spares_words) -> bool:
            return bool(TIME.match(value)) or (spares_words and bool(WORD.fullmatch(value)))

        def render(name: str, spared: Spares = spared, **shown: Any) -> str:
            made = {each: value if each in OURS else poisoned(value, spared) for each, value in shown.items()}
            return flask.render_template(name, **made)

        for module in (frame, sign_in):
            monkeypatch.setattr(module, "render_template", render)
        there = [path for path in pages(app) if not path.endswith((".css", ".js"))]
        there += ["/projects/9/data", *(f"/projects/1/data?list={each}" for each in LISTS)]
        for path in there:
            answer = app.test_client().get(path, headers=ADMIN | {frame.FRESH: "1"})
            page = Reader(answer.text)
            assert answer.status_code == (404 if "/9/" in path else 200), path
            assert page.found == [], path
            assert reported.MARKUP in page.shown, path
    assert {each.name for each in TEMPLATES.glob("*.html")} - read == set()


def test_no_template_says_that_something_is_safe() -> None:
    for each in TEMPLATES.glob("*.html"):
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", each.read_text("utf-8").replace("marked safe", "")), each
