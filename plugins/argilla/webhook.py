"""What Argilla calls: a webhook that says that somebody answered. It can carry no token, so it is signed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug.datastructures import Headers

from labelwheel.plugins.connector import Host
from labelwheel.plugins.descriptions import Foreign, described
from labelwheel.plugins.errors import InvalidPayload, InvalidSignature, UnknownProject
from labelwheel.plugins.route_marks import body_limit, own_credentials

TOOL = "argilla"

_MAX_BYTES = 2**20
_MAX_AGE_SECONDS = 300
_SIGNATURE = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "of the body, webhook-id and webhook-timestamp, as Standard Webhooks has it",
    }
}
_REFUSAL = "The webhook's signature is missing, forged or old: connect the dataset again"


def blueprint(host: Host) -> Blueprint:
    """The one route, on top of what the web process offers."""
    routes = Blueprint("argilla", __name__)

    def signed(dataset: object) -> None:
        if _secret(host, str(dataset)) is None or not presented(request.headers):
            raise InvalidSignature(_REFUSAL)

    @routes.post("/argilla/<uuid:dataset>/webhook")
    @own_credentials(signed)
    @body_limit(_MAX_BYTES)
    @described(
        "Something happened in a dataset of Argilla",
        takes=Foreign, status=204, refuses=(InvalidSignature, InvalidPayload), security=_SIGNATURE,
    )  # fmt: skip
    def webhook(dataset: object) -> tuple[str, int]:
        reference = str(dataset)
        event = verified(_secret(host, reference), request.get_data(), dict(request.headers))
        # a server sends the events of all of its datasets to all of its webhooks
        if str(event.get("type")).startswith("response.") and _told(event, "record", "dataset", "id") == reference:
            record = _told(event, "record", "id")
            host.hint(TOOL, reference, [record] if record else [])
        return "", 204

    return routes


def presented(headers: Headers) -> bool:
    """Whether there is a signature of these minutes to check the body against."""
    try:
        age = abs(time.time() - float(headers.get("webhook-timestamp", "")))
    except ValueError:
        return False
    return age <= _MAX_AGE_SECONDS and bool(headers.get("webhook-id")) and bool(headers.get("webhook-signature"))


def verified(secret: str | None, body: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The event of a signed request no older or newer than five minutes; raises InvalidSignature."""
    try:
        if secret is None:
            raise WebhookVerificationError
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        raise InvalidSignature(_REFUSAL) from None
    try:
        event = request.get_json(force=True, silent=True)
    except RecursionError:
        event = None
    if not isinstance(event, dict):
        raise InvalidPayload("A webhook is a JSON object")
    return event


def _told(event: Mapping[str, Any], *path: str) -> str | None:
    """What an event of a response is about: its record, and the record's dataset."""
    found: Any = event.get("data")
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return str(found) if found is not None else None


def _secret(host: Host, reference: str) -> str | None:
    """The secret that was kept; None where nothing of the kind is connected, which no stranger needs to know."""
    try:
        found = host.options(TOOL, reference).get("secret")
    except UnknownProject:
        return None
    return found.get_secret_value() if isinstance(found, SecretStr) else None
