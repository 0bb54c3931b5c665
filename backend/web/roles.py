"""Who asks, and what each may do: the admin all, a tool what concerns its project, a reader what changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from flask import Request, g, has_request_context

from labelwheel.backend.errors import Forbidden
from labelwheel.backend.projects.tool_secrets import Owner
from labelwheel.plugins.connector import Purpose

_SAFE = ("GET", "HEAD", "OPTIONS")


class Role(StrEnum):
    ADMIN = "admin"
    TOOL = "tool"
    READER = "reader"
    SIGNED = "signed"  # a route with credentials of its own has checked it, or is about to
    NOBODY = "nobody"


class Access(NamedTuple):
    """Who asks; `owner` says for which project, where a tool does."""

    role: Role
    owner: Owner | None = None

    @property
    def name(self) -> str:
        """Such as `tool (webhook)`."""
        return self.role if self.owner is None else f"{self.role} ({self.owner.purpose})"


def current() -> Access:
    """Who asks in this request."""
    return g.get("access", Access(Role.NOBODY)) if has_request_context() else Access(Role.NOBODY)


def opened_to(view: Callable[..., Any], of_a_tool: bool) -> list[str]:
    """Who may use a route, in the words of `Access.name`; nobody of them where it has credentials of its own."""
    if getattr(view, "own_credentials", None) is not None:
        return []
    tools = [Purpose.PREDICT, Purpose.WEBHOOK] if getattr(view, "takes_webhooks", False) else [Purpose.PREDICT]
    named = [f"{Role.TOOL} ({purpose})" for purpose in tools if of_a_tool]
    return [Role.ADMIN.value, *([Role.READER.value] if getattr(view, "readable", False) else []), *named]


def permit(access: Access, request: Request, view: Callable[..., Any] | None, tools: Mapping[str, str]) -> None:
    """Raises Forbidden where a route is not for these credentials; `tools` has the tool by the blueprint's name."""
    if access.role is Role.READER:
        if request.method not in _SAFE or not getattr(view, "readable", False):
            raise Forbidden("the read-only token opens the status, the metrics and the like; use LABELWHEEL_TOKEN here")
    elif access.role is Role.TOOL and access.owner is not None:
        if access.owner.tool != tools.get(request.blueprint or ""):
            raise Forbidden("a tool's secret opens what its project's tool calls, nothing else; use LABELWHEEL_TOKEN")
        if access.owner.purpose is not Purpose.PREDICT and not getattr(view, "takes_webhooks", False):
            raise Forbidden("a webhook's secret opens webhooks, nothing else")
