"""All settings together: read from the environment, checked at start."""

from __future__ import annotations

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.settings.bounds import Bounds
from labelwheel.backend.settings.jobs import Jobs
from labelwheel.backend.settings.language_models import LanguageModels
from labelwheel.backend.settings.places import Places
from labelwheel.backend.settings.reports import Reports
from labelwheel.backend.settings.rounds import Rounds
from labelwheel.backend.settings.serving import Serving
from labelwheel.backend.settings.suggesting import Suggesting
from labelwheel.backend.validation import plain


class Settings(Reports, Rounds, Bounds, Suggesting, LanguageModels, Jobs, Serving, Places, BaseSettings):
    """What can be set. Each name is an environment variable with the prefix `LABELWHEEL_`."""

    model_config = SettingsConfigDict(env_prefix="LABELWHEEL_", frozen=True, extra="ignore")

    seed: int = Field(13, description="the seed of every round")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()


def load(**overrides: object) -> Settings:
    """The settings of this process; raises InvalidSettings with one line per mistake."""
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"LABELWHEEL_{str(each['loc'][0]).upper()}: {plain(each)}" for each in error.errors()]
        raise InvalidSettings("; ".join(lines)) from None
