"""The language model that LABELWHEEL_LLM_URL names: who may ask it, and what was spent on it."""

from __future__ import annotations

import importlib.util
import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.settings import Settings
from labelwheel.training.errors import BrokenPlugin, LanguageModelFailed
from labelwheel.training.language import endpoint, redaction
from labelwheel.training.language.account import FILE, Account, Spent
from labelwheel.training.language.endpoint import LanguageModel

log = logging.getLogger(__name__)

_KEY = "key"


def configured(settings: Settings, project: int | None = None) -> LanguageModel | None:
    """The model, and the project that pays; None where none is named.

    Raises InvalidSettings without its package, or where the redaction cannot be used that is named.
    """
    if settings.llm_url is None:
        return None
    if importlib.util.find_spec("openai") is None:
        raise InvalidSettings("LABELWHEEL_LLM_URL needs one more package: pip install 'labelwheel[llm]'")
    try:
        redaction.of(settings.llm_redaction)
    except BrokenPlugin as error:
        raise InvalidSettings(f"no text may be sent: {error}") from error
    return LanguageModel(
        url=settings.llm_url, model=settings.llm_model, folder=str(_folder(settings)),
        key_file=None if settings.llm_key is None else str(_folder(settings) / _KEY),
        price_in=settings.llm_price_in, price_out=settings.llm_price_out, budget=settings.llm_budget,
        concurrency=settings.llm_concurrency, seconds=settings.llm_seconds,
        context_tokens=settings.llm_context_tokens, project="" if project is None else str(project),
        role=settings.llm_role, silver=settings.llm_silver, samples=settings.llm_samples,
        redaction=settings.llm_redaction,
    )  # fmt: skip


def for_job(settings: Settings, project: int) -> LanguageModel | None:
    """What a round's job may ask: jobs on other machines have neither key nor account, and ask nobody."""
    if settings.launcher != "local":
        return None
    model = configured(settings, project)
    _keep_key(settings)  # a worker may be on another machine than what serves
    return model


def install(settings: Settings) -> None:
    """Has this process ask this one and no other. Raises InvalidSettings."""
    model = configured(settings)
    _keep_key(settings)
    endpoint.name(model)


def status(settings: Settings) -> dict[str, Any] | None:
    """Where texts go, what may be spent, and what was, by project; None where they go nowhere."""
    if settings.llm_url is None:
        return None
    model = LanguageModel(url=settings.llm_url, model=settings.llm_model, folder=str(_folder(settings)))
    return {
        "place": model.place,
        "model": model.model,
        "role": settings.llm_role,
        "redaction": settings.llm_redaction,
        "budget": settings.llm_budget,
        "projects": {
            project: {
                "today": today.money,
                "reached": settings.llm_budget > 0 and today.money >= settings.llm_budget * _ALL_BUT,
                "requests": ever.requests, "tokens_in": ever.tokens_in, "tokens_out": ever.tokens_out,
                "money": ever.money,
            }
            for project, (today, ever) in spent(settings).items()
        },
    }  # fmt: skip


_ALL_BUT = 0.99  # the last cent seldom pays another prompt


def spent(settings: Settings) -> dict[str, tuple[Spent, Spent]]:
    """By project: what was spent today, and ever."""
    if not (_folder(settings) / FILE).exists():
        return {}
    try:
        account = Account(_folder(settings))
        try:
            return account.projects()
        finally:
            account.close()
    except (LanguageModelFailed, sqlite3.Error) as error:  # who asks how things are has to be told the rest
        log.warning("%s", error)
        return {}


def _folder(settings: Settings) -> Path:
    return settings.home.absolute() / "language"


def _keep_key(settings: Settings) -> None:
    """For jobs, whose environment has no secrets: in a file that its owner alone reads, as that of the database is."""
    if settings.llm_url is None or settings.llm_key is None:
        return
    folder = _folder(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    passing = folder / f"{_KEY}.{os.getpid()}"
    with open(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(settings.llm_key.get_secret_value())
    passing.replace(folder / _KEY)
