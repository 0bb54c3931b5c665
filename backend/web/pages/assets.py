"""Styles and scripts: ours, and the charting library as the package index has it, compressed once."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib import metadata
from importlib.resources import files
from typing import Any, NamedTuple

from flask import Response, request
from werkzeug.exceptions import NotFound

from labelwheel.backend.web.pages.frame import Frame
from labelwheel.plugins.route_marks import body_limit, own_credentials, page, readable

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
CHARTS = "plotly.min.js"
YEAR = "private, max-age=31536000, immutable"


class Asset(NamedTuple):
    """A file, as it is and compressed; `tag` changes with its content."""

    content: bytes
    compressed: bytes
    tag: str
    mimetype: str


def add(frame: Frame) -> None:
    """The routes; and `asset`, which templates call for the address of a file as it is now."""

    def anybody(**arguments: Any) -> None:
        """The page for signing in has styles, too."""

    @frame.blueprint.get("/assets/<path:file>")
    @own_credentials(anybody)
    @body_limit(0)
    @page
    def asset(file: str) -> Response:
        return _answer(_own(file))

    # a stranger has no use for five megabytes
    @frame.blueprint.get(f"/charts/{CHARTS}")
    @readable
    @page
    def charts() -> Response:
        return _answer(_charts())

    frame.blueprint.add_app_template_global(lambda file: f"/assets/{file}?{_own(file).tag}", "asset")
    frame.blueprint.add_app_template_global(lambda: f"/charts/{CHARTS}?{metadata.version('plotly')}", "charts")


@cache
def _own(file: str) -> Asset:
    """Raises NotFound, of which nothing is kept, for what is none of ours."""
    folder = files(__package__).joinpath("static")
    found = next((each for each in folder.iterdir() if each.name == file and each.is_file()), None)
    if found is None:
        raise NotFound
    return _made(found.read_bytes(), file)


@cache
def _charts() -> Asset:
    return _made(files("plotly").joinpath("package_data", CHARTS).read_bytes(), CHARTS)


def _made(content: bytes, file: str) -> Asset:
    tag = hashlib.sha256(content).hexdigest()[:16]
    return Asset(content, gzip.compress(content, mtime=0), tag, TYPES["." + file.rpartition(".")[2]])


def _answer(found: Asset) -> Response:
    zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = Response(found.compressed if zipped else found.content, content_type=f"{found.mimetype}; charset=utf-8")
    if zipped:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    answer.headers["Cache-Control"] = YEAR
    answer.set_etag(f"{found.tag}{'z' * zipped}")
    answer.make_conditional(request)
    return answer
