"""The commands' way to the running service: its HTTP API, with every failure as one clear line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import requests
from pydantic import SecretStr

from labelwheel.backend.errors import NotFound, ServiceUnreachable, Unauthorized
from labelwheel.plugins.http import own_session
from labelwheel.training.errors import LabelwheelError


class ServiceError(LabelwheelError):
    """The running service refused; the message is its own."""

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class Client:
    """Talks to the service at `url`; raises ServiceUnreachable, Unauthorized and ServiceError."""

    def __init__(self, url: str, token: SecretStr | None = None, seconds: float = 60.0) -> None:
        self.url, self._seconds = url.rstrip("/"), seconds
        self._session = own_session()
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token.get_secret_value()}"

    def status(self) -> dict[str, Any]:
        return self._json("GET", "/status")

    def connect(
        self,
        tool: str,
        url: str,
        project: str,
        api_key: str,
        service_url: str | None = None,
        share_with: str | None = None,
    ) -> dict[str, Any]:
        body = {"tool": tool, "url": url, "project": project, "api_key": api_key, "service_url": service_url}
        if share_with is not None:
            body["share_with"] = share_with
        return self._json("POST", "/projects", json=body)

    def project(self, number: int) -> dict[str, Any]:
        return self._json("GET", f"/projects/{number}")

    def withdraw(self, number: int) -> bool:
        """Takes back a connect that failed; False where the project was connected before, and stays."""
        return bool(self._json("POST", f"/projects/{number}/withdraw")["withdrawn"])

    def disconnect(self, number: int) -> dict[str, Any]:
        return self._json("DELETE", f"/projects/{number}")

    def rotate(self, number: int) -> dict[str, Any]:
        return self._json("POST", f"/projects/{number}/rotate")

    def audit(self, count: int, project: int | None = None) -> list[dict[str, Any]]:
        """The newest lines of the audit log, the newest first."""
        found: list[dict[str, Any]] = self._json("GET", "/audit", params={"count": count, "project": project})["lines"]
        return found

    def train(
        self, number: int, question: str, hold_minutes: float | None = None, run: str | None = None
    ) -> dict[str, Any]:
        """Orders a round; what the options say is told at `RoundWanted` of the API."""
        body = {"hold_minutes": hold_minutes, "run": run}
        return self._json("POST", f"{_question(number, question)}/train", json=body)

    def promote(self, number: int) -> dict[str, Any]:
        """Has a round promoted that is held; the worker does it within seconds."""
        return self._json("POST", f"/rounds/{number}/promote")

    def run(self, number: int, question: str, run: str) -> dict[str, Any]:
        """What a run of a pipeline has ordered: `{"round", "tuning"}`."""
        return self._json("GET", f"{_question(number, question)}/runs/{quote(run, safe='')}")

    def close_run(self, number: int, question: str, run: str) -> dict[str, Any]:
        """Ends what a run has left under way: what that was, as `run` has it."""
        return self._json("DELETE", f"{_question(number, question)}/runs/{quote(run, safe='')}")

    def round(self, number: int) -> dict[str, Any]:
        return self._json("GET", f"/rounds/{number}")

    def details(self, number: int) -> dict[str, Any]:
        """What came of a round, as `backend.views.rounds_body` has it."""
        return self._json("GET", f"/rounds/{number}/details")

    def tune(
        self,
        number: int,
        question: str,
        budget: float,
        trials: int | None = None,
        hold_minutes: float | None = None,
        run: str | None = None,
    ) -> dict[str, Any]:
        """Asks for a search for better settings, of so many seconds of jobs; the rest is as for `train`."""
        body = {"budget": budget, "trials": trials, "hold_minutes": hold_minutes, "run": run}
        return self._json("POST", f"{_question(number, question)}/tune", json=body)

    def tuning(self, number: int, question: str) -> dict[str, Any]:
        """The searches of a question, as `backend.views.tuning_body` has them."""
        return self._json("GET", f"{_question(number, question)}/tuning")

    def cancel_tuning(self, number: int) -> dict[str, Any]:
        return self._json("DELETE", f"/tunings/{number}")

    def forget_tuned(self, number: int, question: str) -> bool:
        """Back to the defaults; False where they are in force."""
        return bool(self._json("DELETE", f"{_question(number, question)}/tuned")["forgotten"])

    def rollback(self, number: int, question: str, version: str | None = None) -> dict[str, Any]:
        return self._json("POST", f"{_question(number, question)}/rollback", json={"version": version})

    def checkpoints(self, number: int, question: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._json("GET", f"{_question(number, question)}/checkpoints")["checkpoints"]
        return found

    def agreement(self, number: int, question: str) -> dict[str, Any]:
        """How far people agree on a question, as `backend.views.agreement_body` has it."""
        return self._json("GET", f"{_question(number, question)}/agreement")

    def suggest(self, number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        """`{"version", "suggestions": [{"key", "predictions"}]}` for examples of `{"key", "fields"}`.

        With the name of a generation they are those of its champions, without newer heads.
        """
        body: dict[str, Any] = {"examples": examples}
        if version is not None:
            body["version"] = version
        return self._json("POST", f"/projects/{number}/suggest", json=body)

    def explain(
        self, number: int, question: str, key: str | None = None, text: str | None = None, idle: bool = False
    ) -> dict[str, Any]:
        """Why a question is answered as it is, for an example of the project or for a text."""
        body = {"key": key, "text": text, "idle": idle}
        return self._json("POST", f"{_question(number, question)}/explain", json=body)

    def features(self, number: int, question: str, examples: list[dict[str, Any]]) -> bytes:
        """What the champion's encoder says of examples, as `revisions.features` reads it."""
        with self._answer("POST", f"{_question(number, question)}/features", json={"examples": examples}) as answer:
            return bytes(answer.content)

    def report(self, number: int, question: str, version: str | None = None, markdown: bool = True) -> Any:
        """The report of a checkpoint (None: the champion), for people or as JSON."""
        path = f"{_question(number, question)}/report{'.md' if markdown else ''}"
        with self._answer("GET", path, params={"version": version}) as answer:
            return answer.text if markdown else answer.json()

    def label_errors(self, number: int, question: str) -> dict[str, Any]:
        """Labels that are probably wrong, as `LabelErrors` of the API has them."""
        return self._json("GET", f"{_question(number, question)}/label-errors")

    def send_back(self, number: int, questions: list[str]) -> dict[str, Any]:
        """Has the labelling tool show the label errors of some questions; the worker tells it within seconds."""
        return self._json("POST", f"/projects/{number}/label-errors/send-back", json={"questions": questions})

    def flags(self, number: int, question: str, flags: list[dict[str, Any]]) -> dict[str, Any]:
        """Puts answers that were given elsewhere into the labelling tool: `{"added", "refused"}`."""
        return self._json("POST", f"{_question(number, question)}/flags", json={"flags": flags})

    @contextmanager
    def export(self, number: int, question: str, version: str | None = None) -> Iterator[requests.Response]:
        """A checkpoint as a streamed tar; `raw` of the response is the stream."""
        path = f"{_question(number, question)}/export"
        with self._answer("GET", path, params={"version": version}, stream=True) as answer:
            yield answer

    def head(self, number: int, question: str, champion: str) -> tuple[str, bytes] | None:
        """Version and content of what answers in a champion's place; None where that does by itself by now."""
        try:
            with self._answer("GET", f"{_question(number, question)}/head", params={"version": champion}) as answer:
                return str(answer.headers["X-Labelwheel-Version"]), answer.content
        except ServiceError as error:
            if error.status != NotFound.status:
                raise
            return None

    @contextmanager
    def labels(self, number: int, question: str) -> Iterator[Iterator[dict[str, Any]]]:
        """`{"question"}`, each labelled example, then `{"examples"}` with their count; raises where it ends early."""
        with self._answer("GET", f"{_question(number, question)}/labels", stream=True) as answer:
            yield (_object(line, self.url) for line in answer.iter_lines())

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with self._answer(method, path, **options) as answer:
            return _object(answer.content, self.url)

    @contextmanager
    def _answer(self, method: str, path: str, **options: Any) -> Iterator[requests.Response]:
        try:
            answer = self._session.request(method, f"{self.url}/api/v1{path}", timeout=self._seconds, **options)
        except requests.exceptions.InvalidURL as error:
            raise ServiceUnreachable(f"LABELWHEEL_URL {self.url!r} is no address: {error}") from None
        except requests.RequestException as error:
            raise ServiceUnreachable(
                f"no labelwheel answers at {self.url} ({_cause(error)}); start it with `labelwheel serve`, "
                "or set LABELWHEEL_URL"
            ) from None
        with answer:
            if answer.status_code >= 300:
                raise self._refusal(answer)
            try:
                yield answer
            except requests.RequestException as error:
                raise ServiceUnreachable(f"labelwheel at {self.url} went away ({_cause(error)})") from None

    def _refusal(self, answer: requests.Response) -> LabelwheelError:
        try:
            error = answer.json()["error"]
            kind, message = str(error["type"]), str(error["message"])
        except (ValueError, KeyError, TypeError):
            return ServiceUnreachable(
                f"what answers at {self.url} ({answer.status_code}) is not labelwheel; is LABELWHEEL_URL right?"
            )
        if answer.status_code == Unauthorized.status:
            return Unauthorized(f"labelwheel at {self.url} wants its token: set LABELWHEEL_TOKEN as it was served with")
        return ServiceError(message, answer.status_code, kind)


def _question(number: int, question: str) -> str:
    return f"/projects/{number}/questions/{quote(question, safe='')}"


def _object(text: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServiceUnreachable(f"what answers at {url} is not labelwheel; is LABELWHEEL_URL right?")
    return found


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "it took too long"
    if isinstance(error, requests.ConnectionError) and "refused" in str(error):
        return "connection refused"
    return type(error).__name__
