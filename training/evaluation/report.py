"""The report of a checkpoint: as JSON for programs, as Markdown for people."""

from __future__ import annotations

from typing import Any

from training.evaluation.findings import Findings


def build(findings: Findings) -> dict[str, Any]:
    """The report as JSON-able data."""
    raise NotImplementedError


def render(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    raise NotImplementedError
