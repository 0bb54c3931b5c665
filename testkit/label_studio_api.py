"""Label Studio's API, as a person uses it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from labelwheel.plugins.http import Session, own_session
from testkit.server import Server


class LabelStudioAPI(Server):
    """What a person does in Label Studio. Attributes: pat (personal access token), username, password."""

    username = "demo@labelwheel.example"
    password = "labelwheel-demo"
    pat = ""
    _access: tuple[str, float] = ("", 0.0)

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """One API call with the token; AssertionError with body and log where it is not 2xx."""
        response = self._session.request(
            method,
            self.url + path,
            headers={"Authorization": f"Bearer {self.access_token()}"},
            timeout=arguments.pop("timeout", 120),
            **arguments,
        )
        assert response.ok, f"{method} {path}: {response.status_code} {response.text[:1000]}\n{self.tail()}"
        return response

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """`call`, and the JSON that it answers (None where there is none)."""
        response = self.call(method, path, **arguments)
        return response.json() if response.content else None

    def access_token(self) -> str:
        """A bearer token that is good for minutes."""
        token, until = self._access
        if time.monotonic() > until:
            answer = self._session.post(f"{self.url}/api/token/refresh/", json={"refresh": self.pat}, timeout=30)
            assert answer.ok, f"token refresh: {answer.status_code} {answer.text[:500]}\n{self.tail()}"
            token = answer.json()["access"]
            self._access = (token, time.monotonic() + 200)
        return token

    def legacy_token(self) -> str:
        """Switch legacy tokens on for the organization, and return the person's."""
        self.api("POST", "/api/jwt/settings", json={"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
        return str(self.api("GET", "/api/current-user/token")["token"])

    def create_project(
        self, label_config: str, tasks: Sequence[Mapping[str, Any]] = (), title: str = "test", **settings: Any
    ) -> int:
        """A project with tasks (data dicts, or whole import items with "data"); returns its id."""
        project = self.api("POST", "/api/projects/", json={"title": title, "label_config": label_config, **settings})
        if tasks:
            self.import_tasks(project["id"], tasks)
        return int(project["id"])

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """More tasks, in one import; items may carry "annotations" and "predictions" beside "data"."""
        items = [task if "data" in task else {"data": task} for task in tasks]
        self.api("POST", f"/api/projects/{project}/import", json=items, timeout=600)

    def project(self, project: int) -> dict[str, Any]:
        """The project as the API shows it."""
        return dict(self.api("GET", f"/api/projects/{project}/"))

    def change_project(self, project: int, **settings: Any) -> None:
        """PATCH settings, such as sampling or label_config."""
        self.api("PATCH", f"/api/projects/{project}/", json=settings)

    def delete_project(self, project: int) -> None:
        """The project and all that is in it."""
        self.api("DELETE", f"/api/projects/{project}/")

    def task_ids(self, project: int) -> list[int]:
        """All task ids, ascending."""
        tasks: list[int] = []
        for page in range(1, 10_000):
            answer = self.api(
                "GET", "/api/tasks", params={"project": project, "page": page, "page_size": 500, "include": "id"}
            )
            tasks += [task["id"] for task in answer["tasks"]]
            if len(tasks) >= answer["total"]:
                break
        return sorted(tasks)

    def task(self, task: int) -> dict[str, Any]:
        """One task with annotations, drafts and predictions. Label Studio may ask the ML backend for them."""
        return dict(self.api("GET", f"/api/tasks/{task}/"))

    def next_task(self, project: int) -> dict[str, Any]:
        """What the label stream shows next; Label Studio asks the ML backend for it."""
        return dict(self.api("GET", f"/api/projects/{project}/next"))

    def annotations(self, task: int) -> list[dict[str, Any]]:
        """The submitted annotations of a task."""
        return list(self.api("GET", f"/api/tasks/{task}/annotations/"))

    def submit(self, task: int, result: Sequence[Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
        """Submit an annotation as the UI does; fields: lead_time, parent_prediction, was_cancelled, completed_by, …"""
        body = {"result": list(result), "lead_time": 1.0, **fields}
        return dict(self.api("POST", f"/api/tasks/{task}/annotations/", json=body))

    def skip(self, task: int) -> dict[str, Any]:
        """Press "Skip"."""
        return self.submit(task, [], was_cancelled=True)

    def update(self, annotation: int, **fields: Any) -> dict[str, Any]:
        """Change a submitted annotation (result=…)."""
        return dict(self.api("PATCH", f"/api/annotations/{annotation}/", json=fields))

    def delete_annotation(self, annotation: int) -> None:
        """Delete a submitted annotation."""
        self.api("DELETE", f"/api/annotations/{annotation}/")

    def draft(self, task: int, result: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Save a draft, which is no label."""
        return dict(self.api("POST", f"/api/tasks/{task}/drafts", json={"result": list(result), "lead_time": 1.0}))

    def delete_task(self, task: int) -> None:
        """Delete a task with what is on it."""
        self.api("DELETE", f"/api/tasks/{task}/")

    def create_user(self, email: str) -> int:
        """Another annotator; returns the id, to be used as `submit(…, completed_by=id)`."""
        body = {"email": email, "username": email.split("@")[0], "password": secrets.token_hex(8)}
        return int(self.api("POST", "/api/users/", json=body)["id"])

    def make_token(self, email: str = "", password: str = "") -> str:
        """Log in as a browser does and make a personal access token; for the first account if nobody is named."""
        with _browser() as browser:
            form = {"email": email or self.username, "password": password or self.password}
            self._submit(browser, "/user/login/", form)
            headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": self.url}
            answer = browser.post(f"{self.url}/api/token/", headers=headers, timeout=60)
            assert answer.status_code == 201, f"no token: {answer.status_code} {answer.text[:500]}\n{self.tail()}"
            return str(answer.json()["token"])

    def release_token(self) -> str:
        """From now on an account of its own for programs; the person, who may have one token only, can make it."""
        invitation = str(self.api("GET", "/api/invite")["invite_url"])
        form = {"email": "labelwheel@labelwheel.example", "password": secrets.token_urlsafe(16)}
        with _browser() as browser:
            self._submit(browser, invitation[invitation.index("/user/") :], form)
        mine, token = self.pat, self.make_token(**form)
        self.api("POST", "/api/token/blacklist/", json={"refresh": mine})
        self.pat, self._access = token, ("", 0.0)
        return token

    def _submit(self, browser: Session, path: str, form: Mapping[str, str]) -> None:
        browser.get(self.url + path, timeout=60)
        known = {**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post(self.url + path, data=known, headers={"Referer": self.url}, timeout=60)


def _browser() -> Session:
    """A session that keeps cookies, as a browser does."""
    session = own_session()
    session.cookies.set_policy(DefaultCookiePolicy())
    return session
