"""Where jobs run: `local`, and the launchers that are installed with an entry point `labelwheel.launchers`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.settings import Settings
from labelwheel.training.launchers.base import Launcher, Site

GROUP = "labelwheel.launchers"

_LOCAL = EntryPoint(name="local", value="labelwheel.training.launchers.local:launcher", group=GROUP)
_GRACE_SECONDS = 4.0


def folder(settings: Settings) -> Path:
    """Where jobs have their files on this machine, a folder for each round."""
    return settings.home.absolute() / "jobs"


def check(settings: Settings) -> None:
    """Raises InvalidSettings where the launcher that is set is not installed, naming those that are."""
    if settings.launcher not in _installed():
        known = ", ".join(sorted(_installed()))
        raise InvalidSettings(
            f"LABELWHEEL_LAUNCHER: there is no launcher {settings.launcher!r}; installed: {known}; install the package "
            "that brings it, or choose one of these"
        )


def load(settings: Settings) -> Launcher:
    """The launcher that is set. Raises InvalidSettings, or whatever says that it cannot be used."""
    check(settings)
    hub = settings.base_model is not None and not Path(settings.base_model).exists()
    site = Site(
        str(folder(settings)), settings.job_threads, hub, _GRACE_SECONDS, withheld=("LABELWHEEL_", "PGPASSWORD")
    )
    made: Launcher = _installed()[settings.launcher].load()(site)
    return made


@cache
def _installed() -> dict[str, EntryPoint]:
    return {"local": _LOCAL} | {entry.name: entry for entry in entry_points(group=GROUP)}
