"""Argilla's API, as its owner and its annotators use it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from testkit.server import Server

BULK = 500

Row = dict[str, Any]


class ArgillaAPI(Server):
    """What people do in Argilla. Attributes: api_key (the owner's), username, password."""

    username = "argilla"
    password = "labelwheel-demo"
    api_key = "labelwheel.demo.owner"

    def call(self, method: str, path: str, *, key: str | None = None, **arguments: Any) -> requests.Response:
        """One call as the owner (or as whoever has `key`); AssertionError with body and log where it is not 2xx."""
        response = self.ask(method, path, key=key, **arguments)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text[:1000]}\n{self.tail()}"
        return response

    def ask(self, method: str, path: str, *, key: str | None = None, **arguments: Any) -> requests.Response:
        """The same, whatever it answers."""
        return self._session.request(
            method,
            f"{self.url}/api/v1{path}",
            headers={"X-Argilla-Api-Key": key or self.api_key},
            timeout=arguments.pop("timeout", 120),
            **arguments,
        )

    def attempt(self, method: str, path: str, **arguments: Any) -> None:
        """The same where the server fails after it has done what was asked, and hangs up: as people do, look later."""
        with contextlib.suppress(requests.ConnectionError):
            self.ask(method, path, **arguments)
        self._session.close()

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """`call`, and the JSON that it answers (None where there is none)."""
        response = self.call(method, path, **arguments)
        return response.json() if response.content else None

    def workspace(self, name: str) -> str:
        """The id of a workspace, made where there is none."""
        known = {each["name"]: each["id"] for each in self.api("GET", "/me/workspaces")["items"]}
        return str(known.get(name) or self.api("POST", "/workspaces", json={"name": name})["id"])

    def create_dataset(
        self,
        name: str,
        fields: Sequence[Row],
        questions: Sequence[Row],
        records: Sequence[Mapping[str, Any]] = (),
        *,
        workspace: str = "demo",
        submitted: int = 1,
        **settings: Any,
    ) -> str:
        """A published dataset with records (whole ones, or their fields alone); returns its id."""
        body = {"name": name, "workspace_id": self.workspace(workspace), **settings}
        body["distribution"] = {"strategy": "overlap", "min_submitted": submitted}
        dataset = str(self.api("POST", "/datasets", json=body)["id"])
        for field in fields:
            self.api("POST", f"/datasets/{dataset}/fields", json=field)
        for question in questions:
            self.api("POST", f"/datasets/{dataset}/questions", json=question)
        self.api("PUT", f"/datasets/{dataset}/publish")
        self.add(dataset, records)
        return dataset

    def add(self, dataset: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """More records; returns their ids."""
        items = [record if "fields" in record else {"fields": record} for record in records]
        made: list[str] = []
        for start in range(0, len(items), BULK):
            body = {"items": items[start : start + BULK]}
            answer = self.api("POST", f"/datasets/{dataset}/records/bulk", json=body, timeout=600)
            made += [record["id"] for record in answer["items"]]
        return made

    def records(self, dataset: str) -> list[Row]:
        """All records with their responses and suggestions."""
        found: list[Row] = []
        while True:
            params = {"offset": len(found), "limit": 1000, "include": ["responses", "suggestions"]}
            page = self.api("GET", f"/datasets/{dataset}/records", params=params)["items"]
            found += page
            if len(page) < 1000:
                return found

    def delete_webhooks(self) -> None:
        """All there are: Argilla takes ten."""
        for one in self.api("GET", "/webhooks")["items"]:
            self.call("DELETE", f"/webhooks/{one['id']}")

    def delete_records(self, dataset: str, *records: str) -> None:
        """Delete records with what is on them."""
        self.call("DELETE", f"/datasets/{dataset}/records", params={"ids": ",".join(records)})

    def create_annotator(self, username: str, workspace: str = "demo") -> str:
        """Another person, who may answer in a workspace; returns the API key."""
        body = {"username": username, "first_name": username, "password": self.password, "role": "annotator"}
        user = self.api("POST", "/users", json=body)
        self.api("POST", f"/workspaces/{self.workspace(workspace)}/users", json={"user_id": user["id"]})
        return str(user["api_key"])

    def submit(
        self, record: str, answers: Mapping[str, Any], *, status: str = "submitted", key: str | None = None
    ) -> Row:
        """Answer a record as the UI does; `status` may be draft or discarded."""
        body = {"values": {name: {"value": value} for name, value in answers.items()}, "status": status}
        return dict(self.api("POST", f"/records/{record}/responses", json=body, key=key))

    def update(
        self, response: str, answers: Mapping[str, Any], *, status: str = "submitted", key: str | None = None
    ) -> Row:
        """Change an answer."""
        body = {"values": {name: {"value": value} for name, value in answers.items()}, "status": status}
        return dict(self.api("PUT", f"/responses/{response}", json=body, key=key))


def text_field(name: str = "text", **settings: Any) -> Row:
    """A text field."""
    return {"name": name, "title": name, "required": True, "settings": {"type": "text"}, **settings}


def question(name: str, kind: str, options: Sequence[Any] = (), **settings: Any) -> Row:
    """A question; `kind` is label_selection, multi_label_selection, rating, ranking, span or text."""
    shown: dict[str, Any] = {"type": kind, **settings}
    if kind == "rating":
        shown["options"] = [{"value": value} for value in options]
    elif kind != "text":
        shown["options"] = [{"value": value, "text": value} for value in options]
    if len(options) >= 3 and kind not in ("rating", "ranking"):
        shown["visible_options"] = min(len(options), 20)
    return {"name": name, "title": name, "required": True, "settings": shown}


def label_question(name: str, labels: Sequence[str]) -> Row:
    """A question with one answer."""
    return question(name, "label_selection", labels)


def span_question(name: str, labels: Sequence[str], field: str = "text", **settings: Any) -> Row:
    """A question that is answered by marking parts of a field."""
    return question(name, "span", labels, field=field, **settings)
