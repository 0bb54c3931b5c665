"""Prints constraints.txt from what is installed: all that labelwheel and its tools need, at the versions of today."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = ("torch", "triton", "nvidia", "cuda")  # one build or another, by where it is to run
HEAD = """\
# What `make install` and CI install: the newest releases that were tested together, so that none of tomorrow breaks
# today's main. Not part of the package, whose bounds are in pyproject.toml. `make constraints` writes it anew.
"""


def main() -> None:
    """Walks the requirements of pyproject.toml, and theirs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    found: dict[tuple[str, str], str] = {}
    for each in (*project["dependencies"], *(line for extra in extras.values() for line in extra)):
        walk(Requirement(each), found)
    versions = {name: version for (name, _), version in found.items() if not name.startswith(LEFT_OUT)}
    sys.stdout.write(HEAD + "".join(f"{name}=={version}\n" for name, version in sorted(versions.items())))


def walk(wanted: Requirement, found: dict[tuple[str, str], str]) -> None:
    """Adds what is wanted, and what that needs, to `found`."""
    name = canonicalize_name(wanted.name)
    for extra in ("", *wanted.extras):
        if (name, extra) in found:
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        found[name, extra] = installed.version
        for line in installed.requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                walk(needed, found)


if __name__ == "__main__":
    main()
