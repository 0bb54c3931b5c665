"""`python -m label_studio_ml.server MODULE:CLASS PORT`, in place of `label-studio-ml start`."""

from __future__ import annotations

import importlib
import sys

from werkzeug.serving import run_simple

from .api import init_app


def main(place: str, port: str) -> None:
    module, _, name = place.partition(":")
    run_simple("127.0.0.1", int(port), init_app(getattr(importlib.import_module(module), name)), threaded=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
