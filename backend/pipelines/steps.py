"""What each step of the pipeline does: it orders, watches and hands on; decisions are the service's own.

Each may be tried again after any failure, or be killed: what a run has ordered is found by the run's name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from labelwheel.backend.errors import ServiceUnreachable
from labelwheel.backend.pipelines.service import CONFLICT, Row, Service, WrongEnd
from labelwheel.backend.web.client import Client, ServiceError

SEARCHING = ("queued", "running")
TRAINING = ("queued", "running")
UNDECIDED = (*TRAINING, "gating")
PASSED, REJECTED, PROMOTED = "passed", "rejected", "promoted"


class Measured(NamedTuple):
    """What a round measured: figures by name, and the same for people, as Markdown."""

    figures: dict[str, float]
    report: str


def export_labels(service: Service, path: Path) -> Row:
    """Writes the labelled examples, a line of JSON each; what says which they are: how many, their hash, the ledger's
    position up to which all are among them, and the question."""

    def once(client: Client) -> Row:
        digest, count = hashlib.sha256(), 0
        with client.labels(service.project, service.question) as lines, path.open("wb") as file:
            first, last = next(lines), None
            for row in lines:
                if last is not None:
                    line = json.dumps(last, ensure_ascii=False, sort_keys=True).encode() + b"\n"
                    digest.update(line)
                    file.write(line)
                    count += 1
                last = row
        if last != {"examples": count}:
            raise ServiceUnreachable("the export ended early")
        about = {"examples": count, "sha256": digest.hexdigest(), "position": first["position"]}
        return about | {"question": json.dumps(first["question"], sort_keys=True)}

    found = service.ask(once)
    service.say(f"{found['examples']} labelled examples, up to position {found['position']} of the ledger")
    return found


def tune(service: Service, minutes: float, hold_minutes: float) -> str:
    """Searches for better settings for so many minutes of jobs, 0 for not at all; what came of it.

    A round with what was found is the one that `train` then follows; where a search comes to nothing, the round learns
    as it would have without. Raises WrongEnd where somebody cancelled it.
    """
    if minutes <= 0:
        return "no search was asked for"

    def search(client: Client) -> Row:
        return client.tune(service.project, service.question, minutes * 60, None, hold_minutes, service.run)

    def others(client: Client) -> Row | None:
        found = client.tuning(service.project, service.question)["searches"][:1]
        return found[0] if found and found[0]["state"] in SEARCHING else None

    try:
        ordered = _order(service, search, others, "search")
    except ServiceError as error:
        if error.status != CONFLICT:
            raise
        return f"no search: {error}"  # too few labels, say: what is usual does as well

    def ended() -> Row | None:
        found = service.ask(lambda client: client.tuning(service.project, service.question)["searches"])
        current: Row = next(each for each in found if each["id"] == ordered["id"])
        service.say(f"search {current['id']}: {current['state']}, {current['progress']:.0%}")
        return None if current["state"] in SEARCHING else current

    found = service.until(ended, f"search {ordered['id']}")
    if found["state"] == "cancelled":
        raise WrongEnd(f"search {found['id']} was cancelled: {found['reason']}")
    return f"search {found['id']}: {found['reason']}"


def train(service: Service, hold_minutes: float) -> Row:
    """Has the run's round trained: its number, its version, the checkpoint's place and manifest. Raises WrongEnd."""

    def order(client: Client) -> Row:
        return client.train(service.project, service.question, hold_minutes, service.run)

    def others(client: Client) -> Row | None:
        found = client.status()["projects"]
        asked = [each for project in found if project["id"] == service.project for each in project["questions"]]
        return next((each["round"] for each in asked if each["name"] == service.question), None)

    number = _order(service, order, others, "round")["id"]
    found = _round(service, number, TRAINING)
    kept = service.ask(lambda client: client.details(number))["checkpoint"] or {"place": "", "manifest": ""}
    return {"round": number, "version": found["version"], **kept}


def evaluate(service: Service, number: int) -> Measured:
    """What the round measured, once the gate has decided: its score and the champion's, each class, each slice."""
    _round(service, number, UNDECIDED)
    found = service.ask(lambda client: client.details(number))
    this, gate = found["round"], found["gate"] or {}
    figures = {"labels": float(this["label_count"])}
    figures |= _numbers("", this, "score", "low", "high")
    figures |= _numbers("", gate, "challenger_score", "champion_score", "difference", "p_value", "examples")
    for each in gate.get("classes") or ():
        figures |= _numbers(f"class {each['label']}: ", each, "challenger_f1", "champion_f1")
    if found["report"] is None:
        text = f"# {this['version']}\n\n{this['reason']}\n\n"
        return Measured(figures, text + "".join(f"- {name}: {value:.4g}\n" for name, value in figures.items()))
    whole = _reported(service, this["version"], markdown=False)["report"]
    for each in whole.get("slices") or ():
        figures |= _numbers(f"slice {each['slice']}={each['value']}: ", each, "score", "low", "high", "examples")
    return Measured(figures, _reported(service, this["version"], markdown=True))


def gate(service: Service, number: int, must_pass: bool = False) -> tuple[str, str]:
    """What the gate said, PASSED or REJECTED, and why. Raises WrongEnd where it rejected what must pass."""
    found = _round(service, number, TRAINING)
    if found["state"] == "gating" and found["held_until"] is None:
        found = _round(service, number, UNDECIDED)
    verdict = REJECTED if found["state"] == "rejected" else PASSED
    service.say(f"{verdict}: {found['reason']}")
    if must_pass and verdict == REJECTED:
        raise WrongEnd(f"the gate rejected {found['version']}: {found['reason']}")
    return verdict, str(found["reason"])


def promote(service: Service, number: int, verdict: str) -> tuple[str, str]:
    """Has a challenger promoted that passed, and waits until all that serve do so; the outcome and what is served.

    Raises WrongEnd.
    """
    if verdict != PASSED:
        service.say(f"round {number} was {verdict}: the champion stays")
        return verdict, ""
    service.ask(lambda client: client.promote(number))
    found = _round(service, number, UNDECIDED)
    if found["state"] != "promoted":
        raise WrongEnd(f"round {number} is {found['state']}: {found['reason']}")

    def served() -> str | None:
        projects = service.ask(lambda client: client.status())["projects"]
        version = next(each["version"] for each in projects if each["id"] == service.project)
        service.say(f"promoted {found['version']}; served: {', '.join(version['served']) or 'nothing'}")
        return version["current"] if version["served"] == [version["current"]] else None

    return PROMOTED, service.until(served, f"the swap to {found['version']}")


def close(service: Service) -> str:
    """Ends what the run has ordered and left under way; what that was."""
    found = service.ask(lambda client: client.close_run(service.project, service.question, service.run))
    ended = [f"{name} {each['id']}" for name, each in (("round", found["round"]), ("search", found["tuning"])) if each]
    line = f"ended {' and '.join(ended)}" if ended else "nothing was left under way"
    service.say(line)
    return line


def _order(service: Service, order: Callable[[Client], Row], others: Callable[[Client], Row | None], what: str) -> Row:
    """What is ordered; where somebody else's is under way, once that is over. Raises ServiceError."""

    def look() -> Row | None:
        try:
            return service.ask(order)
        except ServiceError as error:
            if error.status != CONFLICT:
                raise
            other = service.ask(others)
            if other is None:
                # it may have ended this moment
                return service.ask(order)
            service.say(f"waiting for {what} {other['id']} of somebody else, which is {other['state']}")
            return None

    found = service.until(look, f"a {what} of somebody else")
    service.say(f"{what} {found['id']} is this run's: {service.run}")
    return found


def _round(service: Service, number: int, on_its_way: tuple[str, ...]) -> Row:
    """A round once it is beyond these states. Raises WrongEnd where it failed or was cancelled."""

    def beyond() -> Row | None:
        found = service.ask(lambda client: client.round(number))
        service.say(f"round {number}: {found['state']}, {found['progress'] or 0.0:.0%}")
        return None if found["state"] in on_its_way else found

    found = service.until(beyond, f"round {number}")
    if found["state"] in ("failed", "cancelled"):
        raise WrongEnd(f"round {number} {found['state']}: {found['reason']}")
    return found


def _reported(service: Service, version: str, markdown: bool) -> Any:
    return service.ask(lambda client: client.report(service.project, service.question, version, markdown))


def _numbers(prefix: str, row: Row, *names: str) -> dict[str, float]:
    return {f"{prefix}{name}": float(row[name]) for name in names if isinstance(row.get(name), int | float)}
