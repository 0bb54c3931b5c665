"""Connecting: Label Studio is told to call labelwheel, with credentials, and to show what it suggests."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from labelwheel.plugins.connector import Service
from labelwheel.plugins.errors import AddressRefused, ToolError
from labelwheel.plugins.label_studio.project import Project

log = logging.getLogger(__name__)

USER = "labelwheel"
ACTIONS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_CREATED",
    "TASKS_DELETED",
    "PROJECT_UPDATED",
)
TIMEOUT = 120.0
"""Label Studio calls labelwheel up to six times while it saves a backend."""


def wire(project: Project, options: Mapping[str, Any], service: Service, version: str) -> dict[str, Any]:
    """Backend, webhook and settings, all or nothing; returns what `announce` and `unwire` need."""
    url = service.url.rstrip("/")
    _check_host(url)
    before = project.get()
    undo: list[Callable[[], object]] = []
    try:
        backend = _backend(project, options, service, version, undo)
        webhook = _webhook(project, options, service, undo)
        _settings(project, before, version, undo)
    except BaseException as error:
        for step in reversed(undo):
            _quietly(step)
        if isinstance(error, AddressRefused):
            raise AddressRefused(
                f"Label Studio refuses to call {url}: it lies in a private network ({error}). Start Label Studio with "
                "USE_DEFAULT_BANNED_SUBNETS=false (or with both SSRF_PROTECTION_ENABLED=false and "
                "ML_BLOCK_LOCAL_IP=false), then connect again. Nothing was changed."
            ) from None
        raise
    kept = options.get("before") or {key: before.get(key) for key in ("show_collab_predictions", "model_version")}
    return {"backend": backend, "webhook": webhook, "url": url, "before": kept, "interactive": True}


def unwire(project: Project, options: Mapping[str, Any]) -> None:
    """Remove backend and webhooks; what was shown and labelled stays, as predictions of a version of the past."""
    live = project.get().get("model_version")
    urls = {str(options["url"])} if options.get("url") else set()
    for backend in _backends(project):
        if _ours(backend, options, urls):
            project.client.send("DELETE", f"/api/ml/{backend['id']}", timeout=TIMEOUT)
    for webhook in _webhooks(project, urls):
        project.client.send("DELETE", f"/api/webhooks/{webhook['id']}/")
    if live in project.client.get(f"/api/projects/{project.id}/model-versions/"):
        project.patch(model_version=live)


def announce(project: Project, options: Mapping[str, Any], version: str) -> None:
    """Title, /setup and the project's version become one: only then does uncertainty sampling find our scores."""
    backend = options.get("backend")
    found = next((one for one in _backends(project) if one["id"] == backend), None)
    if found is None:
        raise ToolError(f"Label Studio has no ML backend of ours on project {project.id} any more: connect again")
    if found.get("title") != version:
        body = {"url": found["url"], "project": project.id, "title": version, **_known_credentials(found)}
        body |= _interactive(options)
        _save_backend(project, "PATCH", f"/api/ml/{backend}", body)
    if project.get().get("model_version") != version:
        project.patch(model_version=version)


def _check_host(url: str) -> None:
    # Label Studio saves the backend at such an address, and then refuses the webhook (Django's URLValidator)
    host = urlsplit(url).hostname or ""
    if host != "localhost" and "." not in host and ":" not in host:
        raise AddressRefused(
            f"Label Studio takes no webhook at {url}: a host's name needs a dot there. Give labelwheel's host a name "
            "with one (a network alias, a line in /etc/hosts), set LABELWHEEL_PUBLIC_URL to it, restart labelwheel and "
            "connect again. Nothing was changed."
        )


def _backend(
    project: Project, options: Mapping[str, Any], service: Service, version: str, undo: list[Callable[[], object]]
) -> int:
    url = service.url.rstrip("/")
    urls = {url, str(options.get("url") or url)}
    present = _backends(project)
    ours = [one for one in present if _ours(one, options, urls)]
    body = {"url": url, "project": project.id, "title": version, **_credentials(service)}
    body |= _interactive(options) if ours else {"is_interactive": True}
    if present and not _ours(present[0], options, urls):
        raise ToolError(
            f"Project {project.id} has another ML backend, {present[0]['url']}, and Label Studio asks only the first: "
            "remove it in the project's settings (Model), then connect again"
        )
    if not ours:
        known = {one["id"] for one in present}
        undo.append(lambda: _remove_new_backends(project, url, known))
        return int(_save_backend(project, "POST", "/api/ml", body)["id"])
    first, *doubled = ours
    back = {"url": first["url"], "project": project.id, "title": first["title"], **_known_credentials(first)}
    back |= {key: first[key] for key in body if key == "is_interactive" and key in first}
    undo.append(lambda: project.client.send("PATCH", f"/api/ml/{first['id']}", back, timeout=TIMEOUT))
    _save_backend(project, "PATCH", f"/api/ml/{first['id']}", body)
    for one in doubled:
        project.client.send("DELETE", f"/api/ml/{one['id']}", timeout=TIMEOUT)
    return int(first["id"])


def _save_backend(project: Project, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        saved = project.client.send(method, path, body, timeout=TIMEOUT)
    except ToolError as error:
        text, url = str(error), body["url"]
        if "health check failed" in text:
            raise ToolError(
                f"Label Studio cannot reach labelwheel at {url}. Is it running, and is that its address as seen from "
                "Label Studio's machine or container? Nothing was changed."
            ) from error
        if "authentication parameters" in text:
            raise ToolError(
                f"What answers at {url} does not take labelwheel's secret: is it this labelwheel?"
            ) from error
        if "look like a valid ML backend" in text:
            reason = text.partition("Reason: ")[2].partition("\n")[0]
            raise ToolError(
                f"labelwheel at {url} does not know this project, or does not serve it yet ({reason}): "
                "run `labelwheel connect` against the service that answers there. Nothing was changed."
            ) from error
        raise
    if not isinstance(saved, dict) or "id" not in saved:
        raise ToolError(f"{method} {project.client.url}{path} did not return the ML backend")
    return saved


def _webhook(project: Project, options: Mapping[str, Any], service: Service, undo: list[Callable[[], object]]) -> int:
    """The webhook that came with the backend, made to carry the credentials and to call for what matters only."""
    url = service.url.rstrip("/")
    body = {
        "project": project.id,
        "url": f"{url}/webhook",
        "send_payload": True,
        "send_for_all_actions": False,
        "actions": list(ACTIONS),
        "is_active": True,
        "headers": _headers(service),
    }
    present = _webhooks(project, {url, str(options.get("url") or url)})
    if not present:
        created = project.client.send("POST", "/api/webhooks/", body)
        undo.append(lambda: project.client.send("DELETE", f"/api/webhooks/{created['id']}/"))
        return int(created["id"])
    first, *doubled = present
    back = {key: first[key] for key in body if key in first}
    undo.append(lambda: project.client.send("PATCH", f"/api/webhooks/{first['id']}/", back))
    project.client.send("PATCH", f"/api/webhooks/{first['id']}/", body)
    for one in doubled:
        project.client.send("DELETE", f"/api/webhooks/{one['id']}/")
    return int(first["id"])


def _settings(project: Project, before: Mapping[str, Any], version: str, undo: list[Callable[[], object]]) -> None:
    back = {key: before.get(key) for key in ("show_collab_predictions", "model_version")}
    undo.append(lambda: _restore(project, back))
    if not before.get("show_collab_predictions"):
        project.patch(show_collab_predictions=True)
    if project.get().get("model_version") != version:
        project.patch(model_version=version)


def _restore(project: Project, settings: Mapping[str, Any]) -> None:
    for key, value in settings.items():
        _quietly(lambda key=key, value=value: project.patch(**{key: value}))  # type: ignore[misc]


def _remove_new_backends(project: Project, url: str, known: set[int]) -> None:
    """A refused call may have saved its backend all the same, and left a webhook that fires for ever."""
    for backend in _backends(project):
        if backend["id"] not in known and backend.get("url", "").rstrip("/") == url:
            project.client.send("DELETE", f"/api/ml/{backend['id']}", timeout=TIMEOUT)
    for webhook in _webhooks(project, {url}):
        project.client.send("DELETE", f"/api/webhooks/{webhook['id']}/")


def _backends(project: Project) -> list[dict[str, Any]]:
    """In the order in which Label Studio asks them."""
    found = project.client.get("/api/ml", {"project": project.id}, timeout=TIMEOUT)
    return sorted((one for one in found if isinstance(one, dict)), key=lambda one: int(one["id"]))


def _webhooks(project: Project, urls: set[str]) -> list[dict[str, Any]]:
    found = project.client.get("/api/webhooks/", {"project": project.id})
    wanted = {f"{url}/webhook" for url in urls}
    mine = (one for one in found if one.get("project") == project.id and str(one.get("url")).rstrip("/") in wanted)
    return sorted(mine, key=lambda one: int(one["id"]))


def _ours(backend: Mapping[str, Any], options: Mapping[str, Any], urls: set[str]) -> bool:
    return backend["id"] == options.get("backend") or str(backend.get("url", "")).rstrip("/") in urls


def _credentials(service: Service) -> dict[str, str]:
    secret = service.predict_secret.get_secret_value()
    return {"auth_method": "BASIC_AUTH", "basic_auth_user": USER, "basic_auth_pass": secret}


def _interactive(options: Mapping[str, Any]) -> dict[str, bool]:
    """Offers interactive annotation, once: whoever switches it off in Label Studio finds it so."""
    return {} if options.get("interactive") else {"is_interactive": True}


def _known_credentials(backend: Mapping[str, Any]) -> dict[str, str]:
    """A PATCH without them is checked without them, and refused; an empty password keeps the one that is stored."""
    if backend.get("auth_method") != "BASIC_AUTH":
        return {"auth_method": "NONE"}
    return {
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": backend.get("basic_auth_user") or USER,
        "basic_auth_pass": "",
    }


def _headers(service: Service) -> dict[str, str]:
    # every user of the organisation can read them
    pair = f"{USER}:{service.webhook_secret.get_secret_value()}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _quietly(step: Callable[[], object]) -> None:
    try:
        step()
    except ToolError as error:
        log.warning("could not undo a step of connecting: %s", error)
