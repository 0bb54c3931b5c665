"""For those who run `label-studio-ml start`: a model whose answers are labelwheel's.

    # model.py in the folder that label-studio-ml starts
    from labelwheel.plugins.label_studio.ml_backend import LabelwheelModel

LABELWHEEL_URL says where labelwheel is. Label Studio's requests carry their project's own secret, which is handed on;
LABELWHEEL_TOKEN takes its place where it is set, and then whoever reaches this server is answered.

Nothing else imports this module: label-studio-ml 2 is only to be had from its git repository.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import flask

from labelwheel.plugins.errors import ToolError, ToolFailed, ToolRefused
from labelwheel.plugins.http import Answer, ToolSession, patiently
from labelwheel.plugins.label_studio.project import reference
from labelwheel.training.errors import MissingExtra

INSTALL = "pip install 'label-studio-ml @ git+https://github.com/HumanSignal/label-studio-ml-backend.git'"

try:
    from label_studio_ml.model import LabelStudioMLBase
    from label_studio_ml.response import ModelResponse
except ImportError as error:
    raise MissingExtra(
        f"label-studio-ml 2 is not installed ({error}); it is only in its git repository: {INSTALL}"
    ) from error

log = logging.getLogger(__name__)

SETUP_SECONDS, PREDICT_SECONDS, EVENT_SECONDS = 1.4, 45.0, 5.0
"""Of silence, twice as long in all. Label Studio waits 3 s for /setup and 100 s for /predict and its training button;
for a webhook 1 s, but what comes of one it does not look at."""
URL = "http://127.0.0.1:9090"


class LabelwheelModel(LabelStudioMLBase):
    """Asks labelwheel, and answers what it says. Raises ToolError where it does not answer, or refuses."""

    def setup(self) -> None:
        """Takes over the version that is served now, which is what Label Studio is told.

        An object is made for each request: where suggestions are asked for, they say their version themselves, and
        what comes with a webhook opens no more than the webhook.
        """
        if flask.has_request_context() and flask.request.path.endswith(("/predict", "/webhook")):
            return
        body = {"project": self._project()}
        self.set("model_version", str(self._ask("/setup", body, SETUP_SECONDS, attempts=1)["model_version"]))

    def predict(
        self, tasks: Sequence[Mapping[str, Any]], context: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> ModelResponse:
        """One prediction for each task, in order; its version is the one that answered, whatever `setup` was told."""
        if not tasks:
            return ModelResponse(predictions=[])
        params = {**kwargs, "context": context or None}
        body = {"tasks": tasks, "project": self._project(), "label_config": self.label_config, "params": params}
        found = self._ask("/predict", body, PREDICT_SECONDS, attempts=2).get("results")
        if not isinstance(found, list) or len(found) != len(tasks):
            raise ToolError("labelwheel did not answer with one result for each task; are both of one version?")
        return ModelResponse(predictions=found)

    def fit(self, event: str, data: Mapping[str, Any], **additional_params: Any) -> dict[str, Any]:
        """Hands the event on: labelwheel decides itself when to train, and reads the labels from Label Studio."""
        return self._ask("/webhook", {**data, "action": event}, EVENT_SECONDS, attempts=1)

    def _project(self) -> str:
        """How labelwheel calls the project; the server that runs this cuts that off behind the number."""
        body = flask.request.get_json(silent=True) if flask.has_request_context() else None
        project = body.get("project") if isinstance(body, dict) else None
        if isinstance(project, dict):
            return reference(project)
        return project if isinstance(project, str) else str(self.project_id)

    def _ask(self, path: str, body: Mapping[str, Any], seconds: float, attempts: int) -> dict[str, Any]:
        session = ToolSession("labelwheel", os.environ.get("LABELWHEEL_URL") or URL, "token", proxied=False)

        def once() -> dict[str, Any]:
            answer = session.call("POST", path, seconds, json=body, headers=_credentials())
            if not answer.ok:
                raise _refusal(answer)
            found = session.json(answer)
            if not isinstance(found, dict):
                raise ToolError(f"{answer.call} did not answer as labelwheel does; check LABELWHEEL_URL")
            return found

        return patiently(once, attempts)


def _credentials() -> dict[str, str]:
    token = os.environ.get("LABELWHEEL_TOKEN")
    if token:
        return {"Authorization": f"Bearer {token}"}
    given = flask.request.headers.get("Authorization") if flask.has_request_context() else None
    return {"Authorization": given} if given else {}


def _refusal(answer: Answer) -> ToolError:
    """What labelwheel said, in its words."""
    try:
        said = str(answer.json()["error"]["message"])[:500]
    except (ValueError, LookupError, TypeError):
        said = answer.phrase
    kind = ToolRefused if answer.status in (401, 403) else ToolFailed if answer.status >= 500 else ToolError
    error = kind(f"labelwheel answered {answer.status} to {answer.call}: {said}")
    error.http_status = answer.status
    return error
