"""Every setting, from the environment (`LABELWHEEL_…`), checked at start; docs/settings.md has them all."""

from labelwheel.backend.settings.environment import Settings, load

__all__ = ["Settings", "load"]
