"""What there is to take away: a checkpoint as a plain transformers folder, its report, the labels with their split."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from flask import Blueprint, Response, request

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import HeadRow
from labelwheel.backend.errors import NotFound
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.rounds import data
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import inspected, served_head, shown_checkpoint, tuning
from labelwheel.backend.web import audit
from labelwheel.backend.web.body import asked
from labelwheel.backend.web.request_bodies import VersionQuery
from labelwheel.backend.web.response_bodies import ReportBody
from labelwheel.plugins.descriptions import described
from labelwheel.training.checkpoints import checkpoint, layered_head
from labelwheel.training.errors import InvalidCheckpoint, StoreUnreachable

_PIECE = 2**20
_BLOCK = tarfile.BLOCKSIZE
_REFUSES = (NotFound, InvalidCheckpoint, StoreUnreachable)


def routes(settings: Settings, database: Database) -> Blueprint:
    """The blueprint; mounted at /api/v1."""
    exports = Blueprint("exports", __name__)

    def find(number: int, name: str, headed: bool = False) -> tuple[checkpoint.Checkpoint, HeadRow | None]:
        """With the head that answers in the champion's place; whoever names a version wants that and no other."""
        version = asked(VersionQuery).version
        with database.session() as session:
            question = projects.question(session, number, name)
            folder, digest = shown_checkpoint.place(session, question, version)
            head = served_head.row(session, question) if headed and version is None else None
        return settings.checkpoints.read(folder, verify=False, digest=digest), head

    @exports.get("/projects/<int:number>/questions/<path:name>/export")
    @audit.taken
    @described(
        "A checkpoint as a plain transformers folder, its card with what an inspection found since; the champion with "
        "the newer head that answers in its place, if there is one",
        query=VersionQuery, gives="application/x-tar", refuses=_REFUSES, others={304: "it is the one of If-None-Match"},
    )  # fmt: skip
    def export(number: int, name: str) -> Response:
        found, head = find(number, name, headed=True)
        version = found.manifest.version
        with database.session() as session:
            more = inspected.card(session, version)
        files = {}
        if head is not None:
            version, files = head.version, {layered_head.FILE: head.content}
            more = "\n\n".join(filter(None, [served_head.card(head), more]))
        etag = hashlib.sha256((found.manifest.model_dump_json() + version + more).encode()).hexdigest()
        answer = Response(mimetype="application/x-tar")
        answer.set_etag(etag)
        if etag in request.if_none_match:
            answer.status_code = 304
            return answer
        if request.method == "HEAD":
            return answer
        scratch = tempfile.TemporaryDirectory(prefix=".export-", dir=settings.home, ignore_cleanup_errors=True)
        try:
            whole = checkpoint.read(found.folder, digest=found.digest)
            folder = checkpoint.export(whole, Path(scratch.name) / version, more, files)
            members = list(_members(folder))
        except BaseException:
            scratch.cleanup()
            raise
        answer.response = _tar(members)
        answer.content_length = sum(len(head) + size + -size % _BLOCK for head, _, size in members) + 2 * _BLOCK
        answer.headers["Content-Disposition"] = f'attachment; filename="{version}.tar"'
        answer.headers["X-Labelwheel-Version"] = version
        answer.call_on_close(scratch.cleanup)
        return answer

    @exports.get("/projects/<int:number>/questions/<path:name>/head")
    @described(
        "The newer head that answers in the place of the champion that is named, as safetensors",
        query=VersionQuery, gives="application/octet-stream", refuses=(NotFound,),
    )  # fmt: skip
    def newer_head(number: int, name: str) -> Response:
        version = asked(VersionQuery).version
        with database.session() as session:
            question = projects.question(session, number, name)
            champion, head = shown_checkpoint.row(session, question, None), served_head.row(session, question)
        if head is None or version not in (None, champion.version):
            raise NotFound(f"no newer head answers in the place of {version or champion.version!r}")
        answer = Response(head.content, mimetype="application/octet-stream")
        answer.headers["X-Labelwheel-Version"] = head.version
        return answer

    @exports.get("/projects/<int:number>/questions/<path:name>/report")
    @audit.taken
    @described("What the round of a checkpoint measured", query=VersionQuery, gives=ReportBody, refuses=_REFUSES)
    def report(number: int, name: str) -> Response:
        found, _ = find(number, name)
        version = found.manifest.version
        with database.session() as session:
            inspection = inspected.of_version(session, version)
            searches = tuning.read(session, projects.question(session, number, name))
        return ReportBody(version=version, report=found.report, inspection=inspection, tuning=searches).answer()

    @exports.get("/projects/<int:number>/questions/<path:name>/report.md")
    @audit.taken
    @described("The same for people", query=VersionQuery, gives="text/markdown", refuses=_REFUSES)
    def card(number: int, name: str) -> Response:
        found, _ = find(number, name)
        path = found.folder / checkpoint.CARD
        if not path.exists():
            raise NotFound(f"{found.manifest.version} has no report")
        with database.session() as session:
            more = [inspected.markdown(session, found.manifest.version)]
            more.append(tuning.markdown(session, projects.question(session, number, name)))
        text = path.read_text("utf-8") + "".join(f"\n{each}\n" for each in more if each)
        return Response(text, content_type="text/markdown; charset=utf-8")

    @exports.get("/projects/<int:number>/questions/<path:name>/labels")
    @audit.taken
    @described(
        "The question, each labelled example with its side of the split, and how many there were: a line of JSON each",
        gives="application/x-ndjson", refuses=(NotFound,),
    )  # fmt: skip
    def labels(number: int, name: str) -> Response:
        with database.session() as session:
            projects.question(session, number, name)  # raises NotFound while an answer can still say so
        return Response(_labels(database, number, name), mimetype="application/x-ndjson")

    return exports


def _labels(database: Database, number: int, name: str) -> Iterator[str]:
    """The question, each labelled example, and how many there were: a line each, so that an early end is seen."""
    with database.session() as session:
        # where the question is shared, the labels of all are given as the one reads them that owns the champion
        question = champion_groups.home(session, projects.question(session, number, name))
        position = champion_groups.last_event(session, question)  # before the labels: these have all up to it
        yield json.dumps({"question": question.spec, "position": position}) + "\n"
        count = 0
        for row in data.labelled(session, question):
            yield row.model_dump_json() + "\n"
            count += 1
    yield json.dumps({"examples": count}) + "\n"


def _members(folder: Path) -> Iterator[tuple[bytes, Path, int]]:
    """Each file with its header, which says nothing about this machine, and its size."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        info = tarfile.TarInfo(path.relative_to(folder).as_posix())
        info.size, info.mode = path.stat().st_size, 0o644
        yield info.tobuf(tarfile.PAX_FORMAT), path, info.size


def _tar(members: list[tuple[bytes, Path, int]]) -> Iterator[bytes]:
    for head, path, size in members:
        yield head
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
        yield bytes(-size % _BLOCK)
    yield bytes(2 * _BLOCK)
