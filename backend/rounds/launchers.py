"""Where jobs run: `local`, and the launchers that are installed with an entry point `labelwheel.launchers`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.settings import Settings
from labelwheel.training import entry_points
from labelwheel.training.launchers.base import Launcher, Site
from labelwheel.training.spec import Tuned

GROUP = "labelwheel.launchers"

_LOCAL = EntryPoint(name="local", value="labelwheel.training.launchers.local:launcher", group=GROUP)
_KUBEFLOW = EntryPoint(name="kubeflow", value="labelwheel.training.launchers.kubeflow.launcher:launcher", group=GROUP)
_GRACE_SECONDS = 4.0
WITHHELD = ("LABELWHEEL_", "PGPASSWORD")
"""What variables with the service's secrets begin with: no process that computes for it gets them."""


def names() -> list[str]:
    """Those that can be set."""
    return list(_installed())


def entry(name: str) -> EntryPoint:
    """What one is loaded from. Raises KeyError."""
    return _installed()[name]


def folder(settings: Settings) -> Path:
    """Where jobs have their files on this machine, a folder for each round."""
    return settings.home.absolute() / "jobs"


def needs_hub(settings: Settings) -> bool:
    """Whether a model that is named is to be fetched from a hub; what needs none is kept from asking one."""
    named = (settings.base_model, settings.zero_shot, settings.text_model, *listed(settings))
    return any(not Path(name).exists() for name in named if name)


def base_model(settings: Settings, tuned: Tuned | None = None) -> str | None:
    """The base model as any process of this machine finds it: a hub name, or an absolute path.

    It is the one that a search has found, where it found another.
    """
    base = settings.base_model if tuned is None or tuned.base_model is None else tuned.base_model
    return None if base is None else anywhere(base)


def anywhere(model: str) -> str:
    """A hub name as it is, a folder by its absolute path."""
    return str(Path(model).absolute()) if model and Path(model).is_dir() else model


def listed(settings: Settings) -> tuple[str, ...]:
    """The base models that a search may choose beside the one that is set."""
    names = (each.strip() for each in settings.tune_base_models.split(","))
    return tuple(dict.fromkeys(each for each in names if each and each != settings.base_model))


def allowed(settings: Settings, tuned: dict[str, Any] | None) -> Tuned | None:
    """Settings that were found, as they are kept; None where there are none, or their base model is not listed any
    more."""
    found = None if tuned is None else Tuned.model_validate(tuned)
    return found if found is None or found.base_model in (None, *listed(settings)) else None


def check(settings: Settings) -> None:
    """Raises InvalidSettings where the launcher that is set is not installed, naming those that are.

    Raises what its own `check_settings` does, where it has one.
    """
    if settings.launcher not in _installed():
        known = ", ".join(sorted(_installed()))
        raise InvalidSettings(
            f"LABELWHEEL_LAUNCHER: there is no launcher {settings.launcher!r}; installed: {known}; install the package "
            "that brings it, or choose one of these"
        )
    own = getattr(entry_points.load(_installed()[settings.launcher]), "check_settings", None)
    if own is not None:
        own()


def load(settings: Settings) -> Launcher:
    """The launcher that is set. Raises InvalidSettings, or whatever says that it cannot be used."""
    check(settings)
    site = Site(str(folder(settings)), settings.job_threads, needs_hub(settings), _GRACE_SECONDS, withheld=WITHHELD)
    made: Launcher = entry_points.load(_installed()[settings.launcher])(site)
    return made


@cache
def _installed() -> dict[str, EntryPoint]:
    return {each.name: each for each in entry_points.installed(GROUP)} | {
        each.name: each for each in (_LOCAL, _KUBEFLOW)
    }
