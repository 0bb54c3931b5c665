"""Which pages there are, in the order of the navigation. Whoever writes another adds its module here."""

from __future__ import annotations

from flask import Flask, redirect, url_for
from werkzeug.wrappers import Response as BaseResponse

from labelwheel.backend.web.pages import assets, data, learning, model, overview, quality, rounds, sign_in, tuning
from labelwheel.backend.web.pages.frame import Frame, Source, wants_a_page

PAGES = (overview, learning, rounds, tuning, quality, data, model)


def lead(app: Flask) -> None:
    """Leads whoever opens `/` in a browser to the pages; before `auth`, which would have them asked for a password."""

    @app.before_request
    def away() -> BaseResponse | None:
        return redirect(url_for("pages.overview")) if wants_a_page() else None


def install(app: Flask, source: Source) -> None:
    """Puts the pages into the web process, and the JSON that they are made from."""
    frame = Frame(source)
    for each in (assets, sign_in, *PAGES):
        each.add(frame)
    app.register_blueprint(frame.blueprint)
    app.register_blueprint(frame.api, url_prefix="/api/v1")
