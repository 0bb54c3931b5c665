"""Each project on a card: what a team lead wants to know at a glance. Scores and rates are in [0, 1]."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Label
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import wording
from labelwheel.backend.views.status import status

LATEST = 50
"""So many of the newest answers that began as a suggestion tell how often it was right."""


def body() -> type[BaseModel]:
    """The model of what `overview` says, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.overview_body import Overview

    return Overview


def overview(session: Session, settings: Settings) -> dict[str, Any]:
    """The projects that are connected, with their questions, and what is wrong, each with what to do."""
    told = status(session, settings)
    alive = [each for each in told["servers"] if each["alive"]]
    problems = [] if alive else ["no web process reports that it serves: `labelwheel serve` starts one"]
    if not told["worker"]["alive"]:
        problems.append(f"the worker is not running, no label is taken in: {told['worker']['problem']}")
    return {
        "problems": problems,
        "memory_mb": sum(each["memory_mb"] or 0 for each in alive),
        "projects": [_card(session, project, alive) for project in told["projects"]],
    }


def _card(session: Session, project: dict[str, Any], alive: list[dict[str, Any]]) -> dict[str, Any]:
    shown = ("id", "tool", "url", "title", "external_id", "state", "health", "step", "version", "examples", "backfill")
    latest = _latest(session, project["id"])
    return {name: project[name] for name in shown} | {
        "labels_at": project["poll"]["at"],
        "problems": _problems(project, alive),
        "notes": _notes(project),
        "questions": [
            {name: each[name] for name in ("name", "kind", "champion", "head", "labels", "next_round", "round")}
            | {"accepted": latest.get(each["name"], {"accepted": 0, "answered": 0, "rate": None})}
            for each in project["questions"]
            if each["active"]
        ],
    }


def _latest(session: Session, number: int) -> dict[str, dict[str, Any]]:
    """By question, how many of the newest answers to suggestions left them as they were."""
    query = select(Label.question, Label.origin).where(
        Label.project_id == number, Label.origin.in_(("accepted", "changed"))
    )
    counts: dict[str, list[bool]] = defaultdict(list)
    for name in session.scalars(select(Label.question).where(Label.project_id == number).distinct()):
        newest = query.where(Label.question == name).order_by(Label.event_id.desc()).limit(LATEST)
        counts[name] = [origin == "accepted" for _, origin in session.execute(newest)]
    return {
        name: {"accepted": sum(each), "answered": len(each), "rate": sum(each) / len(each) if each else None}
        for name, each in counts.items()
    }


def _problems(project: dict[str, Any], alive: list[dict[str, Any]]) -> list[str]:
    """What is wrong with a project, in sentences that say what to do."""
    found = [project["problem"]] if project["problem"] else []
    if project["stalled_at"]:
        found.append("no label could be taken in since then; nothing is lost, and it goes on when the tool answers")
    told = (wording.trouble(server, project["id"], "load the next models") for server in alive)
    found += [trouble for trouble in told if trouble]
    found += [f"example {each['key']} is set aside: {each['reason']}" for each in project["aside"][:3]]
    if refused := wording.not_taken(project["work"]):
        found.append(refused)
    return found


def _notes(project: dict[str, Any]) -> list[str]:
    """What is so, and no fault of anybody."""
    found = [f"{each['name']} is not learnt: {each['reason']}" for each in project["unlearnt"]]
    unread = wording.unsuggested(project["unsuggested"])
    return [*found, unread] if unread else found
