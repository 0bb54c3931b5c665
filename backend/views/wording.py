"""Numbers and times as people read them, the same in every command and on every page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def score(row: dict[str, Any]) -> str:
    """Such as `accuracy .93 (.90–.95)`; the label names are served without a score of their own."""
    if row.get("score") is None:
        return "label names, no score" if row.get("recipe") == "names" else "not measured yet"
    interval = ""
    if row.get("low") is not None and row.get("high") is not None:
        interval = f" ({_share(row['low'])}–{_share(row['high'])})"
    return f"{row.get('metric') or 'score'} {_share(row['score'])}{interval}".replace("_", " ")


def labels(row: dict[str, Any]) -> str:
    """Such as `1,200 (30 held out, 2 unusable)`."""
    named = ("held_out", "blind", "unusable")
    extra = ", ".join(f"{row[name]:,} {name.replace('_', ' ')}" for name in named if row.get(name))
    return f"{row['total']:,}" + (f" ({extra})" if extra else "")


def coming(following: dict[str, Any]) -> str:
    """Such as `after 3 more labels`; where none is missing, what a round waits for, or why there will be none."""
    left = following["labels_left"]
    return f"after {counted(left, 'more label')}" if left else str(following["reason"])


def stage(running: dict[str, Any]) -> str:
    """What a round that is under way is at: its state, unless it has not begun. Several questions share one job, and go
    through it one after the other.
    """
    return "waits in its job" if running["state"] == "running" and not running["progress"] else str(running["state"])


def trouble(server: dict[str, Any], project: int | str, cannot: str) -> str | None:
    """Such as `host:9090 cannot load the next models: too large`; None where a web process has none with a project."""
    found = (server["problems"] or {}).get(str(project))
    if not found:
        return None
    # a model that is away for a while is loaded, and is answered for
    return f"{server['name']}{'' if found.get('answered_for') else f' cannot {cannot}'}: {found.get('message')}"


def agreed(found: dict[str, Any]) -> str:
    """Such as `alpha .72 (.68–.76), 3 people on 120 examples`, or why it cannot be said."""
    if found["alpha"] is None:
        return str(found["reason"])
    newest = "the newest " if found["most"] else ""
    people = f"{found['annotators']} people on {newest}{found['examples']:,} examples"
    return f"alpha {interval(found['alpha'])}, {people}"


def share(value: float | None) -> str:
    """Such as `.72`; empty for None."""
    return "" if value is None else _signed(value)


def interval(found: dict[str, Any]) -> str:
    """Such as `.72 (.68–.76)`."""
    return f"{_signed(found['value'])} ({_signed(found['low'])}–{_signed(found['high'])})"


def shared(project: dict[str, Any]) -> list[str]:
    """A line for each question of a project that shares its champion."""
    lines = []
    for each in project["questions"]:
        others = [
            f"{other['question']} of project {other['project']} ({other['title']}"
            + (")" if other["state"] == "connected" else f", {other['state']})")
            for other in each.get("shared_with", ())
        ]
        if others:
            lines.append(f"{each['name']} shares its champion with {', '.join(others)}")
    return lines


def counted(number: int, noun: str) -> str:
    """Such as `1 example` or `2,300 examples`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def headed(found: dict[str, Any]) -> str:
    """Which newer head answers in a champion's place, in a sentence; see `views.served_head`."""
    ahead = f"{_signed(found['gain'])} ± {_share(found['error'])} a label"
    told = f"ahead by {ahead}" if found["gain"] > 0 else f"no worse than chance explains ({ahead})"
    return (
        f"a newer head on {found['labels']:,} labels answers in the champion's place, {told} on "
        f"{found['examples']:,} that it has not seen"
    )


def not_taken(work: dict[str, Any]) -> str | None:
    """How many submissions are not learnt as a whole, and the newest reason; None where all are."""
    if not work["rejected"]:
        return None
    first, *others = work["reasons"]
    more = f" (and {counted(len(others), 'other reason')})" if others else ""
    return (
        f"{work['rejected']:,} of {counted(work['total'], 'submission')} not learnt, or not as a whole: {first}{more}"
    )


def unsuggested(found: dict[str, Any]) -> str | None:
    """Which examples get no suggestion as nothing reads them, and why; None where all are read."""
    long, blank = found["too_long"], found["without_text"]
    limit = f"longer than {found['most']:,} characters (LABELWHEEL_MAX_CHARACTERS)"
    told = [
        f"{counted(one['count'], 'example')} {'is' if one['count'] == 1 else 'are'} {what} ({_some(one)})"
        for one, what in ((long, limit), (blank, "without a text"))
        if one["count"]
    ]
    return f"no suggestion: {'; '.join(told)}" if told else None


def hidden(found: dict[str, Any]) -> str:
    """What is not suggested as it is too unsure, in a sentence; see `views.hidden`."""
    things, below, before = "spans" if found["one_by_one"] else "suggestions", found["below"], found["measured_below"]
    if below > 0:
        reason = "below it showing one costs more than none" if found["source"] == "default" else found["source"]
        said = f"{things} with a score below {_share(below)} are not shown ({reason})"
    else:
        reason = "a wrong one costs no more than none" if found["source"] == "default" else found["source"]
        said = f"all {things} are shown, however unsure ({reason})"
    if before is None or not (below or before):
        return said
    told = f"{found['hidden']:,} of {found['suggestions']:,} ({percent(found['share'])}) on the measured examples"
    return f"{said}: {told}" if before == below else f"{said}; below {_share(before)} as measured: {told}"


def tuning(question: dict[str, Any]) -> str | None:
    """How a question's search for better settings stands, or what it learns by; None where that is the defaults."""
    told = question.get("tuning") or {}
    search, tuned = told.get("search"), told.get("tuned")
    if search and search["state"] in ("queued", "running"):
        left = duration(search["seconds_left"])
        trials = counted(search["counted"], "trial")
        return f"{question['name']} is being tuned: {percent(search['progress'])}, {trials}, {left} of jobs left"
    return f"{question['name']} learns by: {tuned['words']}" if tuned else None


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def duration(seconds: float | None) -> str:
    """Such as `40 s`, `3 min` or `2 h 5 min`; empty for None."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def ago(time: str | None) -> str:
    """Such as `3 min ago`, from an ISO time."""
    if not time:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
    return "just now" if seconds < 2 else f"{duration(seconds)} ago"


def _some(found: dict[str, Any]) -> str:
    """The first keys, with a sign that there are more."""
    return ", ".join(found["keys"]) + (", …" if found["count"] > len(found["keys"]) else "")


def _share(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if value < 1 else "1.0"


def _signed(value: float) -> str:
    """A figure that may be below zero, as alpha is where people agree less than by chance."""
    return f"−{_share(-value)}" if round(value, 2) < 0 else _share(max(value, 0.0))
