"""Signing in and out: a token is shown once, and the browser keeps a session."""

from __future__ import annotations

from typing import Any

from flask import Response, g, redirect, render_template, request, url_for

from labelwheel.backend.web import audit
from labelwheel.backend.web.auth import Credentials
from labelwheel.backend.web.pages.frame import Frame, api_path
from labelwheel.backend.web.roles import Access
from labelwheel.backend.web.sessions import Sessions
from labelwheel.plugins.route_marks import body_limit, own_credentials, page

MOST = 8192
"""Bytes of the form."""


def add(frame: Frame) -> None:
    """The page, and what its form and the button for leaving send to."""
    settings = frame.source.settings
    credentials, sessions = Credentials(settings, lambda secret: None), Sessions(settings)

    def anybody(**arguments: Any) -> None:
        """Whoever is not signed in yet has nothing to show."""

    def shown(problem: str | None, status: int) -> Response:
        text = render_template(
            "sign_in.html", page_title="Sign in", problem=problem, next=request.values.get("next", ""),
            api_path=api_path,
        )  # fmt: skip
        return Response(text, status=status, content_type="text/html; charset=utf-8")

    @frame.blueprint.get("/sign-in")
    @own_credentials(anybody)
    @body_limit(0)
    @page
    def sign_in() -> Any:
        if settings.token is None or sessions.role(request) is not None:
            return redirect(_inside(request.args.get("next", "")))
        return shown(None, 200)

    @frame.blueprint.post("/sign-in")
    @own_credentials(anybody)
    @body_limit(MOST)
    @page
    @audit.taken
    def begin() -> Any:
        request.max_form_memory_size = MOST
        role = credentials.role(request.form.get("token", "").strip())
        audit.mark("signed in" if role else "failed to sign in")
        if role is None:
            return shown("This is neither LABELWHEEL_TOKEN nor LABELWHEEL_READ_TOKEN of this service.", 403)
        g.access = Access(role)
        answer = redirect(_inside(request.form.get("next", "")), 303)
        sessions.begin(request, answer, role)
        return answer

    @frame.blueprint.post("/sign-out")
    @own_credentials(anybody)
    @body_limit(0)
    @page
    def sign_out() -> Any:
        answer = redirect(url_for("pages.sign_in"), 303)
        sessions.end(answer)
        return answer


def _inside(address: str) -> str:
    """An address of this service; that of the overview where it leads elsewhere, whatever way a browser reads it."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if inside and address.isprintable() and "\\" not in address else url_for("pages.overview")
