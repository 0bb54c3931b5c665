"""A project's examples: sought, one by one with their history, and the lists of those that want a look."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, request
from sqlalchemy.orm import Session

from labelwheel.backend.database import keyring
from labelwheel.backend.database.tables import Project, QuestionRow
from labelwheel.backend.errors import InvalidRequest, NotFound
from labelwheel.backend.projects import connectors, sent_back
from labelwheel.backend.views import disagreements, example_history, examples, label_errors, least_sure
from labelwheel.backend.web import audit
from labelwheel.backend.web.body import asked, fitting
from labelwheel.backend.web.pages.frame import Frame, Shown, chosen
from labelwheel.backend.web.request_bodies import ExamplesQuery, LeastSureQuery
from labelwheel.backend.web.roles import Role, current
from labelwheel.plugins.capabilities import Links
from labelwheel.plugins.descriptions import described
from labelwheel.plugins.route_marks import readable
from labelwheel.training.errors import LabelwheelError

log = logging.getLogger(__name__)

LISTS = ("least-sure", "label-errors", "disagreements")


def add(frame: Frame) -> None:
    """The pages and their JSON."""
    source = frame.source

    # neither is `readable`: they tell texts, and who answered what
    @frame.api.get("/projects/<int:number>/examples")
    @audit.taken
    @described("Examples that are sought", query=ExamplesQuery, gives=examples.body, refuses=(NotFound,))
    def examples_json(number: int) -> Response:
        wanted = _wanted(asked(ExamplesQuery))
        with source.database.session() as session:
            _, _, question = chosen(session, number)
            if question is None:
                raise NotFound(f"project {number} asks no question that is learnt")
            return jsonify(examples.read(session, question, source.settings.blind, wanted, True))

    @frame.api.get("/projects/<int:number>/examples/<path:name>")
    @audit.taken
    @described("An example with its history, by its key", gives=example_history.body, refuses=(NotFound,))
    def example_json(number: int, name: str) -> Response:
        with source.database.session() as session:
            chosen(session, number)
            return jsonify(example_history.read(session, number, name, source.settings.blind, True))

    @frame.api.get("/projects/<int:number>/least-sure")
    @readable
    @described(
        "Examples in the order in which they are proposed, whose texts are for the admin alone", query=LeastSureQuery,
        gives=least_sure.body, refuses=(NotFound,),
    )  # fmt: skip
    def least_sure_json(number: int) -> Response:
        if _is_admin():
            audit.mark()  # it tells texts
        after = asked(LeastSureQuery).after
        with source.database.session() as session:
            project, _, question = chosen(session, number)
            if question is None:
                raise NotFound(f"project {number} asks no question that is learnt")
            return jsonify(least_sure.read(session, project, question, source.settings.blind, _is_admin(), after))

    @frame.page("/projects/<int:number>/data", "Data", texts=True)
    def data(number: int) -> Shown:
        listed = request.args.get("list", "")
        if listed not in ("", *LISTS):
            raise InvalidRequest(f"there is no list {listed!r:.50}: choose one of {', '.join(LISTS)}")
        arguments = {
            name: value
            for name, value in request.args.to_dict().items()
            if value and name in ExamplesQuery.model_fields
        }
        with source.database.session() as session:
            project, rows, question = chosen(session, number)
            shown: dict[str, Any] = {
                "questions": [{"name": row.name} for row in rows], "question": None, "number": number, "listed": listed,
            }  # fmt: skip
            if question is None:
                return shown
            shown["question"] = {"name": question.name}
            if listed == "least-sure":
                after, blind = _fitting(arguments).after, source.settings.blind
                found = least_sure.read(session, project, question, blind, _is_admin(), after)
                return shown | {"found": found, "after": after}
            if listed:
                others = [name for name in sent_back.questions(project) if name != question.name]
                found = _list(session, question, listed)
                return shown | {"found": found, "others": others}
            query = _fitting(arguments)
            found = examples.read(session, question, source.settings.blind, _wanted(query), _is_admin())
            following = {**arguments, "question": question.name, "after": found["next"]}
            return shown | {
                "found": found,
                "query": query.model_dump(),
                "sides": examples.SIDES,
                "unsought": examples.UNSOUGHT,
                "most": examples.SCANNED,
                "following": urlencode({name: value for name, value in following.items() if value not in ("", None)}),
            }

    @frame.page("/projects/<int:number>/data/<path:key>", "Example", tab=False, texts=True)
    def example(number: int, key: str) -> Shown:
        with source.database.session() as session:
            project, _, _ = chosen(session, number)
            found = example_history.read(session, number, key, source.settings.blind, _is_admin())
            return {"found": found, "number": number, "link": _link(project, found), "tool": project.tool}

    def _link(project: Project, found: dict[str, Any]) -> str | None:
        """Where people see it in their browser; none where the address would be anything but that."""
        try:
            connector = connectors.connect(project, keyring.load(source.settings))
            if not isinstance(connector, Links):
                return None
            labelled = any(each["action"] != "deleted" for each in found["events"][:1])
            link = connector.link(found["key"], found["fields"] or {}, labelled)
        except LabelwheelError as error:
            log.debug("project %s: no address of an example: %s", project.id, error)
            return None
        return link if link is not None and link.startswith(("http://", "https://")) else None


def _list(session: Session, question: QuestionRow, listed: str) -> dict[str, Any]:
    if listed == "label-errors":
        found = label_errors.read(session, question)
        return found if _is_admin() else found | {"labels": [_untold(one) for one in found["labels"]]}
    return disagreements.read(session, question, _is_admin())


def _untold(error: dict[str, Any]) -> dict[str, Any]:
    """A label error without texts and names."""
    return error | {
        "text": None,
        "nearest": [near | {"text": None} for near in error["nearest"]],
        "annotators": [given | {"annotator": None} for given in error["annotators"]],
    }


def _is_admin() -> bool:
    return current().role is Role.ADMIN


def _fitting(arguments: dict[str, str]) -> ExamplesQuery:
    return fitting(ExamplesQuery, arguments)


def _wanted(query: ExamplesQuery) -> examples.Wanted:
    return examples.Wanted(**{name: getattr(query, name) for name in examples.Wanted._fields})
