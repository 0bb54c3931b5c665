"""The state of everything, as JSON, for `labelwheel status`, the dashboard and programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database import disk
from labelwheel.backend.database.lease import WORKER, running
from labelwheel.backend.database.tables import (
    ACTIVE,
    Backfill,
    CheckpointRow,
    Lease,
    Project,
    ProjectState,
    QuestionRow,
    Round,
    Server,
    now,
)
from labelwheel.backend.projects import champion_groups, decisions, generations, servers
from labelwheel.backend.rounds import language_model
from labelwheel.backend.rounds.evidence import gather, usable
from labelwheel.backend.rounds.policy import judge
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import (
    acceptance,
    agreement,
    anchoring,
    columns,
    counts,
    hidden,
    inspected,
    order_gain,
    outlook,
    served_head,
    tuning,
    unsuggested,
)
from labelwheel.backend.views.remembered import Remembered
from labelwheel.training.questions import Question

DECISIONS = 20

_accepted: Remembered[dict[str | None, list[dict[str, Any]]]] = Remembered(by_cost=True)
_examples: Remembered[dict[str, int]] = Remembered(by_cost=True)
_labels: Remembered[dict[str, int]] = Remembered(by_cost=True)
_work: Remembered[dict[str, Any]] = Remembered(by_cost=True)
# not by what it costs this process: in PostgreSQL the database looks through all texts
_unsuggested: Remembered[dict[str, Any]] = Remembered()


def body() -> type[BaseModel]:
    """The model of what `status` says, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.status_body import Status

    return Status


def status(session: Session, settings: Settings) -> dict[str, Any]:
    """Every project with its questions, the worker and the web processes; `status_body` says what is in it."""
    lease = session.get(Lease, WORKER)
    everybody = list(session.scalars(select(Server).order_by(Server.name)))
    alive = {server.name for server in servers.alive(session)}
    worker_alive = lease is not None and running(lease)
    projects = session.scalars(
        select(Project).where(Project.state != ProjectState.DISCONNECTED).order_by(Project.id)
    ).all()
    return {
        "store": settings.checkpoints.url,
        "language_model": language_model.status(settings),
        "worker": {
            "alive": worker_alive,
            "owner": lease.owner if lease else None,
            "seen_until": _time(lease.until if lease else None),
            "problem": None if worker_alive else _idle(settings),
        },
        "servers": [_server(server, server.name in alive) for server in everybody],
        "projects": [_project(session, settings, project, worker_alive) for project in projects],
    }


def _idle(settings: Settings) -> str:
    """Why the worker gives no sign of life, as far as that can be told from here."""
    return disk.trouble_of(settings) or "it gives no sign of life; its log, or that of `labelwheel serve`, says why"


def _server(server: Server, alive: bool) -> dict[str, Any]:
    shown = {name: getattr(server, name) for name in ("name", "memory_mb", "models", "serving", "problems")}
    return shown | {"alive": alive, "seen_at": _time(server.seen_at)}


def _project(session: Session, settings: Settings, project: Project, worker_alive: bool) -> dict[str, Any]:
    generation = generations.of(session, project)
    revision = generations.revision(session, project)
    serving = {server.serving.get(str(project.id)) for server in servers.alive(session)}
    shown = ("id", "tool", "url", "external_id", "title", "state", "step", "problem", "unlearnt")
    accepted = _accepted.get(session, project.id, lambda: acceptance.by_version(session, project.id))
    agreed = agreement.brief(session, project)
    questions = session.scalars(
        select(QuestionRow).where(QuestionRow.project_id == project.id).order_by(QuestionRow.id)
    )
    examples = _examples.get(session, project.id, lambda: counts.examples(session, project.id, settings.blind))
    stalled = project.state == ProjectState.CONNECTED and (project.stalled_at is not None or not worker_alive)
    return {name: getattr(project, name) for name in shown} | {
        "health": "stalled" if stalled else project.state,
        "stalled_at": _time(project.stalled_at),
        "version": {
            "current": generation.name if generation else None,
            "served": sorted(name for name in serving if name),
            "announced": project.announced,
            "revision": revision.name if revision else None,
        },
        "poll": {
            "at": _time(project.polled_at),
            "lag_seconds": max(0.0, (now() - project.polled_at).total_seconds()) if project.polled_at else None,
            "hinted_at": _time(project.hinted_at),
        },
        "sweep": {"at": _time(project.swept_at), "running": project.sweep_started_at is not None},
        "examples": examples,
        "work": _work.get(session, project.id, lambda: counts.work(session, project)),
        "absent_columns": columns.absent(session, project.id, settings),
        "unsuggested": _unsuggested.get(
            session, project.id, lambda: unsuggested.read(session, project.id, settings.max_characters)
        ),
        "aside": [{"key": key, "reason": one["reason"]} for key, one in project.aside.items()],
        "backfill": _backfill(session, project, examples["total"], examples["labelled"]),
        "acceptance": accepted.get(None, []),
        "blind": settings.blind,
        "anchoring": anchoring.read(
            session, project, lambda: order_gain.by_lot(session, project, settings.order, settings.blind)
        ),
        "order": order_gain.gain(session, project, settings.order, settings.blind),
        "questions": [
            _question(session, settings, row, accepted.get(row.name, [])) | {"agreement": agreed.get(row.name)}
            for row in questions
        ],
        "decisions": [
            {
                "at": _time(row.made_at),
                "question": row.question,
                "kind": row.kind,
                "reason": row.reason,
                "details": row.details,
            }
            for row in decisions.latest(session, project.id, DECISIONS)
        ],
    }


def _backfill(session: Session, project: Project, there: int, labelled: int) -> dict[str, Any] | None:
    query = select(Backfill).where(Backfill.project_id == project.id).order_by(Backfill.id.desc()).limit(1)
    row = session.scalars(query).first()
    if row is None:
        return None
    # what is looked at anew, for examples that came later or after a restart, is counted again
    done = min(row.done, there)
    total = done if row.state == "done" else max(done, there - labelled)
    shown = {"version": row.generation, "state": row.state, "done": done, "total": total}
    return shown | {"started_at": _time(row.started_at)}


def _question(session: Session, settings: Settings, row: QuestionRow, accepted: list[dict[str, Any]]) -> dict[str, Any]:
    champion = None if row.champion_id is None else session.get(CheckpointRow, row.champion_id)
    home = row.home_id or row.id
    active = session.scalars(select(Round).where(Round.question_id == home, Round.state.in_(ACTIVE))).first()
    verdict = judge(gather(session, row, settings), settings)
    champions = champion_groups.checkpoints(session, row)
    scores = outlook.scores(session, row, champions)
    known = outlook.learnt(session, row, scores)
    return {
        "id": row.id,
        "name": row.name,
        "kind": Question.model_validate(row.spec).kind,
        "active": row.active,
        "pinned": row.pinned,
        "shared_with": [_sharer(project, other) for project, other in champion_groups.others(session, row)],
        "champion": _checkpoint(champion) if champion else None,
        "head": served_head.told(session, row),
        "labels": _labels.get(session, row.id, lambda: _counted(session, row)),
        "next_round": {"labels_left": verdict.labels_left, "reason": verdict.reason},
        "round": _round(active) if active else None,
        "curve": [
            {
                "version": each.version,
                "labels": each.label_count,
                "metric": each.metric,
                "score": each.score,
                "low": each.low,
                "high": each.high,
            }
            for each in reversed(champions)
        ],
        "scores": scores,
        "learnt": known._asdict(),
        "outlook": outlook.outlook(known, settings.target),
        "inspection": inspected.of_champion(session, champion),
        "hidden": hidden.of_champion(session, settings, row, champion),
        "acceptance": accepted,
        "tuning": tuning.brief(session, row),
    }


def _counted(session: Session, row: QuestionRow) -> dict[str, int]:
    found = counts.labels(session, row)
    return found | {"unusable": max(0, found["total"] - usable(session, row))}


def _sharer(project: Project, question: QuestionRow) -> dict[str, Any]:
    shown = {name: getattr(project, name) for name in ("tool", "state")}
    title = project.title or project.external_id
    return shown | {"project": project.id, "title": title, "question": question.name}


def _checkpoint(row: CheckpointRow) -> dict[str, Any]:
    shown = ("version", "recipe", "metric", "score", "low", "high", "label_count", "broken", "manifest_digest")
    return {name: getattr(row, name) for name in shown} | {"created_at": _time(row.created_at)}


def _round(row: Round) -> dict[str, Any]:
    shown = ("id", "state", "trigger", "recipe", "version", "progress", "seconds_left", "metrics")
    return {name: getattr(row, name) for name in shown} | {"started_at": _time(row.started_at)}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
