"""What every page has: navigation, who looks at it, what the browser may do with it, and how it is kept fresh."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Project, ProjectState, QuestionRow
from labelwheel.backend.errors import NotFound, Unauthorized
from labelwheel.backend.serving.explaining import Explainer
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import wording
from labelwheel.backend.web import audit
from labelwheel.backend.web.pages.memo import Memo
from labelwheel.backend.web.roles import Role, current
from labelwheel.plugins.route_marks import page as is_page
from labelwheel.plugins.route_marks import readable
from labelwheel.training.errors import LabelwheelError

POLICY = (
    # the charting library puts its styles into the page
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FRESH = "X-Labelwheel-Fresh"
"""A request with this header is shown what is true now, not a moment ago: a button was pressed."""

Shown = Mapping[str, Any]


class Source(NamedTuple):
    """What the pages ask."""

    settings: Settings
    database: Database
    served_models: ServedModels
    explainer: Explainer


class Tab(NamedTuple):
    """A page in a project's navigation."""

    endpoint: str
    title: str


FILTERS = (
    *("ago", "duration", "share", "score", "interval", "agreed", "counted", "headed", "hidden"),
    *("stage", "coming", "labels"),
)
"""What templates take from `wording`, by the same names."""


class Frame:
    """The blueprint that pages are added to, and the one of the JSON that they are made from."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.blueprint = Blueprint("pages", __name__, template_folder="templates")
        self.api = Blueprint("views", __name__)
        self.tabs: list[Tab] = []
        self._memo: Memo[tuple[str, str]] = Memo()
        self.blueprint.after_request(_guarded)
        self.blueprint.errorhandler(LabelwheelError)(_refused)
        self.blueprint.errorhandler(HTTPException)(_unfit)
        self.blueprint.add_app_template_filter(wording.percent, "percent")
        for name in FILTERS:
            self.blueprint.add_app_template_filter(getattr(wording, name), name)

    def page(
        self, rule: str, title: str, tab: bool = True, texts: bool = False
    ) -> Callable[[Callable[..., Shown]], Callable[..., Any]]:
        """Marks a function as a page at `/rule`; it returns what its template shows, `<the function's name>.html`.

        A rule with a project's `<int:number>` is one of its tabs, unless `tab` says that it is not. Where it shows
        people's `texts` to the admin, the audit log notes who looked.
        """

        def mark(view: Callable[..., Shown]) -> Callable[..., Any]:
            name = view.__name__

            @readable
            @is_page
            def answer(**arguments: Any) -> Response:
                def make() -> tuple[str, str]:
                    shown = view(**arguments)
                    text = render_template(
                        f"{name}.html", **self._around(name, title, arguments.get("number")), **shown
                    )
                    return text, hashlib.sha256(text.encode()).hexdigest()[:32]

                if texts and current().role is Role.ADMIN:
                    audit.mark(project_id=arguments.get("number"))
                # a browser that asks for a page by hand sees what is true now as well
                anew = FRESH in request.headers or request.headers.get("Sec-Fetch-Mode") == "navigate"
                text, tag = self._memo.get((current().role, request.full_path), make, anew)
                found = Response(text, content_type="text/html; charset=utf-8")
                found.set_etag(tag)
                found.make_conditional(request)
                return found

            self.blueprint.add_url_rule(rule, name, answer)
            if tab and "<int:number>" in rule:
                self.tabs.append(Tab(f"pages.{name}", title))
            return answer

        return mark

    def _around(self, name: str, title: str, number: int | None) -> dict[str, Any]:
        with self.source.database.session() as session:
            query = select(Project.id, Project.title, Project.external_id).order_by(Project.id)
            rows = session.execute(query.where(Project.state != ProjectState.DISCONNECTED)).all()
        titles = Counter(row.title or row.external_id for row in rows)
        projects = [{"id": row.id, "title": row.title or row.external_id} for row in rows]
        for each in projects:
            if titles[each["title"]] > 1:  # as the commands tell them apart
                each["title"] = f"{each['title']} ({each['id']})"
        return {
            "page": name,
            "page_title": title,
            "project": next((each for each in projects if each["id"] == number), None),
            "projects": projects,
            "tabs": self.tabs if number is not None else [],
            "admin": current().role is Role.ADMIN,
            "signed_in": self.source.settings.token is not None,
            "api_path": api_path,
        }


def api_path(*parts: object) -> str:
    """Such as `/api/v1/projects/1/questions/tone%2Fvoice/train`."""
    return "/api/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def chosen(session: Session, number: int) -> tuple[Project, list[QuestionRow], QuestionRow | None]:
    """A project, the questions that it asks, and the one of `?question=`, else the first.

    Raises NotFound where there is no such project or question.
    """
    project = session.get(Project, number)
    if project is None or project.state == ProjectState.DISCONNECTED:
        raise NotFound(f"there is no project {number}; the overview lists those that are connected")
    rows = list(
        session.scalars(
            select(QuestionRow)
            .where(QuestionRow.project_id == number, QuestionRow.active.is_(True))
            .order_by(QuestionRow.id)
        )
    )
    wanted = request.args.get("question")
    if not wanted:  # a form that filters by none sends an empty one
        return project, rows, rows[0] if rows else None
    found = next((row for row in rows if row.name == wanted), None)
    if found is None:
        raise NotFound(f"project {number} asks no question {wanted!r:.100}")
    return project, rows, found


def wants_a_page() -> bool:
    """Whether somebody opens `/` in a browser, who is not a labelling tool that asks whether the service is up."""
    return request.method == "GET" and request.path == "/" and "text/html" in request.headers.get("Accept", "")


def _guarded(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _refused(error: LabelwheelError) -> Any:
    if isinstance(error, Unauthorized) and request.method == "GET":
        here = request.full_path.rstrip("?")
        return redirect(url_for("pages.sign_in", next=None if here == "/overview" else here))
    return _trouble(error.status, str(error))


def _unfit(error: HTTPException) -> Any:
    return _trouble(error.code or 500, error.description or error.name)


def _trouble(status: int, message: str) -> Response:
    return Response(
        render_template("trouble.html", page_title="Trouble", message=message, api_path=api_path),
        status=status,
        content_type="text/html; charset=utf-8",
    )
