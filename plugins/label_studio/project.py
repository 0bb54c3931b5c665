"""One project over the API: its settings, its label config, and its tasks by the Data Manager's queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from plugins.connector import Config
from plugins.errors import ToolError
from plugins.label_studio.annotations import moment
from plugins.label_studio.client import Client
from plugins.label_studio.layout import Layout, read
from plugins.limits import clean

ANNOTATION = "result,completed_by,was_cancelled,created_at,lead_time,parent_prediction"
FULL = f"id,data,updated_at,predictions,annotations,{ANNOTATION}"
"""The fields to ask for: one list for tasks and, by the same names, for the annotations within them."""
PAGE = 100

Filter = dict[str, Any]


class Project:
    """Reads one project. Its label config is read once, and again at each `config`."""

    def __init__(self, client: Client, identity: str) -> None:
        if not identity.isdecimal():
            raise ToolError(f"A Label Studio project is named by its number, as in its address, not by {identity!r}")
        self.client = client
        self.id = int(identity)
        self._layout: Layout | None = None

    def get(self) -> dict[str, Any]:
        """The project as the API shows it."""
        try:
            found = self.client.get(f"/api/projects/{self.id}/")
        except ToolError as error:
            if getattr(error, "http_status", 0) == 404:
                raise ToolError(
                    f"Label Studio at {self.client.url} has no project {self.id} that this token may see"
                ) from None
            raise
        if not isinstance(found, dict) or "label_config" not in found:
            raise ToolError(f"{self.client.url} does not answer like Label Studio")
        return found

    def patch(self, **settings: Any) -> None:
        """Change settings."""
        self.client.send("PATCH", f"/api/projects/{self.id}/", settings)

    def config(self) -> Config:
        """What the project asks now."""
        found = self.get()
        source = str(found["label_config"])
        self._layout = layout = read(source)
        return Config(
            reference=reference(found),
            title=clean(str(found.get("title") or f"project {self.id}")),
            source=source,
            questions=layout.questions,
            unlearnt=layout.unlearnt,
        )

    @property
    def layout(self) -> Layout:
        """The label config as it was last read."""
        if self._layout is None:
            self.config()
        assert self._layout is not None
        return self._layout

    def tasks(
        self,
        *filters: Filter,
        order: str = "tasks:id",
        size: int = PAGE,
        include: str = FULL,
        only: Sequence[int] | None = None,
    ) -> list[dict[str, Any]]:
        """The first `size` tasks that pass all filters, in order; `only` these ids."""
        query: dict[str, Any] = {"ordering": [order]}
        if filters:
            query["filters"] = {"conjunction": "and", "items": list(filters)}
        if only is not None:
            query["selectedItems"] = {"all": False, "included": list(only)}
        params = {
            "project": self.id,
            "query": json.dumps(query),
            "page_size": size,
            "include": include,
            "fields": "all",
            "resolve_uri": "false",
        }
        found = self.client.get("/api/tasks", params)
        tasks = found.get("tasks") if isinstance(found, dict) else None
        if not isinstance(tasks, list):
            raise ToolError(f"{self.client.url}/api/tasks does not answer like Label Studio")
        return tasks


def reference(project: Mapping[str, Any]) -> str:
    """How Label Studio names a project in its requests: its number and the second in which it was made."""
    return f"{project['id']}.{int(moment(project.get('created_at')).timestamp())}"


def where(column: str, operator: str, value: Any, kind: str) -> Filter:
    """One condition of the Data Manager."""
    return {"filter": f"filter:tasks:{column}", "operator": operator, "value": value, "type": kind}


def after(task: int) -> Filter:
    """Tasks behind this one, by id: pages that stay right while tasks come and go."""
    return where("id", "greater", task, "Number")
