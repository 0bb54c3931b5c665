"""Connecting: Argilla tells labelwheel when somebody answered, and gets a place for the order to answer in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from labelwheel.plugins.argilla import properties, ranks
from labelwheel.plugins.argilla.client import Client, Missing, Rejected
from labelwheel.plugins.argilla.dataset import Dataset, Row
from labelwheel.plugins.connector import Service
from labelwheel.plugins.errors import ToolRefused

log = logging.getLogger(__name__)

EVENTS = ("response.created", "response.updated", "response.deleted")
"""None of records: each suggestion that is pushed would come back as one, in front of what people do."""


def wire(dataset: Dataset, options: Mapping[str, Any], service: Service) -> dict[str, Any]:
    """Webhook and metadata property, or neither; returns what the webhook's route and `unwire` need."""
    _ = dataset.path  # found before anything is changed
    webhook = _webhook(dataset, options, service)
    try:
        ordered = _ordered(dataset)
    except BaseException:
        if webhook is not None and webhook["id"] != options.get("webhook"):
            _remove(dataset.client, webhook["id"])
        raise
    return {
        "dataset": dataset.id,
        "webhook": webhook["id"] if webhook else None,
        "secret": SecretStr(webhook["secret"]) if webhook else None,
        "address": address(service, dataset.id),
        "ordered": ordered,
    }


def unwire(dataset: Dataset, options: Mapping[str, Any]) -> None:
    """Remove webhook, ranks and property; responses and suggestions stay."""
    for webhook in _ours(dataset.client, options):
        _remove(dataset.client, webhook["id"])
    if not options.get("ordered"):
        return
    try:
        properties.remove(dataset, ranks.PROPERTY, "integer")
    except Missing as error:
        log.info("nothing to tidy up: %s", error)


def address(service: Service, dataset: str) -> str:
    """Where Argilla sends its webhooks: one address for each dataset, so that each has a secret of its own."""
    return f"{service.url.rstrip('/')}/argilla/{dataset}/webhook"


def _webhook(dataset: Dataset, options: Mapping[str, Any], service: Service) -> Row | None:
    """The webhook of this dataset; None where Argilla grants none, as polling finds everything without one."""
    url = address(service, dataset.id)
    body = {"url": url, "events": list(EVENTS), "description": f"labelwheel: responses of {dataset.name}"[:1000]}
    client = dataset.client
    try:
        present = _ours(client, {**options, "address": url})
        if service.renew:
            # Argilla makes the secret with the webhook, and never another; what happens in between, polling finds
            for one in present:
                _remove(client, one["id"])
            present = []
        if not present:
            made: Row = client.send("POST", "/webhooks", body)
            return made
        first, *doubled = present
        changed: Row = client.send("PATCH", f"/webhooks/{first['id']}", {**body, "enabled": True})
        for one in doubled:
            _remove(client, one["id"])
        return changed
    except ToolRefused:
        log.warning("only an owner's key may register a webhook in Argilla; answers are noticed by polling alone")
    except Rejected as error:
        if "create more than" not in str(error):
            raise
        log.warning("Argilla has as many webhooks as it takes; answers are noticed by polling alone: %s", error)
    return None


def _ours(client: Client, options: Mapping[str, Any]) -> list[Row]:
    """Webhooks of ours by id or address, the one that is known first."""
    try:
        found = client.get("/webhooks")["items"]
    except ToolRefused:
        return []  # not an owner's key, so there never was one
    known = options.get("webhook")
    mine = [one for one in found if one["id"] == known or one["url"] == options.get("address")]
    return sorted(mine, key=lambda one: one["id"] != known)


def _remove(client: Client, webhook: str) -> None:
    try:
        client.send("DELETE", f"/webhooks/{webhook}")
    except Missing:
        log.info("webhook %s is gone already", webhook)


def _ordered(dataset: Dataset) -> bool:
    """Whether records can be given a rank."""
    try:
        return properties.ensure(dataset, ranks.PROPERTY, ranks.TITLE, "integer")
    except (Rejected, ToolRefused) as error:
        log.warning("records are not put in order: %s", error)
        return False
