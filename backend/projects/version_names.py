"""Names that are never used twice, also by a database that was begun anew."""

from __future__ import annotations

import re
import secrets

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # none that people confuse with another


def generation(project_id: int, number: int) -> str:
    """Such as `lw-3-0007-k3f9q2`: what a labelling tool sees as the version."""
    return f"lw-{project_id}-{number:04d}-{_random()}"


def number(name: str | None) -> int:
    """Which one of its project a generation is, from its name; 0 for none."""
    found = re.fullmatch(r"lw-\d+-(\d+)-\w+", name or "")
    return int(found[1]) if found else 0


def revision(generation: str, number: int) -> str:
    """Such as `lw-3-0007-k3f9q2.12`: what a labelling tool sees where newer heads are served."""
    return f"{generation}.{number}"


def revision_number(name: str | None) -> int:
    """Which one of its generation a revision is, from its name; 0 for none."""
    return int((name or "").rpartition(".")[2] or 0) if "." in (name or "") else 0


def generation_of(name: str) -> str:
    """The generation of a revision; a generation's own name stays what it is."""
    return re.sub(r"^(lw-\d+-\d+-\w+)\.\d+$", r"\1", name)


def head(question: int, number: int) -> str:
    """Such as `head-5-0012-k3f9q2`."""
    return f"head-{question}-{number:04d}-{_random()}"


def checkpoint(project_id: int, question: str, number: int) -> str:
    """Such as `3-intent-0007-k3f9q2`: also the name of the checkpoint's folder."""
    plain = re.sub(r"[^a-z0-9]+", "-", question.lower()).strip("-")[:40] or "question"
    return f"{project_id}-{plain}-{number:04d}-{_random()}"


def _random() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))
