"""One format for the logs of every process; what libraries say only from warnings on."""

from __future__ import annotations

import logging.config
from typing import Any

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def config(level: str) -> dict[str, Any]:
    """For logging.config.dictConfig, and for gunicorn's logconfig_dict."""
    own = {"level": level, "handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": FORMAT, "datefmt": "%H:%M:%S"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "labelwheel": own,
            "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
        },
    }


def configure(level: str) -> None:
    """Sets up this process's logging."""
    logging.config.dictConfig(config(level))
