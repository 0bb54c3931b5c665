"""Each page of docs/extending/ has a whole package: it is built, installed, found, and passes its suite."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "extending"
FILE = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
FOUND = {
    "strategy": ("nearest mean", "nearest-mean"),
    "kind": ("verdict", "verdict"),
    "connector": ("text-folder", "text-folder"),
    "launcher": ("nice", "nice-launcher"),
    "redaction": ("mails", "mail-redaction"),
}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_each_page_has_a_package_here() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == FOUND.keys()


def install(folder: Path, files: dict[str, str]) -> Path:
    """As `pip install .` does, into a folder of its own; where it is."""
    package, site = folder / "package", folder / "site"
    package.mkdir(parents=True)
    for name, content in files.items():
        (package / name).write_text(content, "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, "--target", str(site), str(package)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A Python command that sees what was installed."""

    def started(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, *arguments], env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path, capture_output=True,
            text=True, timeout=600, check=False,
        )  # fmt: skip

    return started


def plugins(run: Run, site: Path) -> list[dict[str, Any]]:
    done = run(site, "-m", "labelwheel.backend.cli", "plugins", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("what", FOUND)
def test_the_package_of_a_page_is_installed_found_and_passes_its_suite(what: str, run: Run, tmp_path: Path) -> None:
    files = dict(FILE.findall((PAGES / f"{what}.md").read_text("utf-8")))
    assert "pyproject.toml" in files
    (suite,) = [name for name in files if name.startswith("test_")]
    assert max(len(line) for text in files.values() for line in text.splitlines()) <= 120
    site = install(tmp_path, files)

    name, package = FOUND[what]
    (found,) = [each for each in plugins(run, site) if each["package"] == package]
    assert found == {"what": what, "name": name, "package": package, "version": "1.0", "problem": ""}

    test = tmp_path / suite
    test.write_text(files[suite], "utf-8")
    done = run(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", str(test))
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 2


BROKEN = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"
[project]
name = "broken"
version = "0.3"
[tool.setuptools]
py-modules = ["ends_it_all", "half_of_it"]
""" + "".join(
    f'[project.entry-points."labelwheel.{group}"]\nexits = "ends_it_all:Thing"\nhalf = "half_of_it:Thing"\n'
    f'gone = "no_such_module:Thing"\n'
    for group in ("connectors", "kinds", "strategies", "launchers", "redactions")
)


@pytest.mark.slow
def test_what_is_broken_is_named_with_its_reason_and_stops_nothing(run: Run, tmp_path: Path) -> None:
    files = {"pyproject.toml": BROKEN, "ends_it_all.py": "import sys\nsys.exit(7)\n", "half_of_it.py": "Thing = 5\n"}
    site = install(tmp_path, files)
    found = plugins(run, site)
    broken = {(each["what"], each["name"]): each["problem"] for each in found if each["package"] == "broken"}
    whats = ("connector", "kind", "strategy", "launcher", "redaction")
    assert broken.keys() == {(what, name) for what in whats for name in ("exits", "half", "gone")}
    for what in whats:
        assert "(ends_it_all:Thing) cannot be loaded: SystemExit: 7" in broken[what, "exits"]
        assert "No module named 'no_such_module'" in broken[what, "gone"]
        assert broken[what, "half"].startswith("5 is no ")
        assert "\n" not in "".join(broken.values())
    assert {each["name"] for each in found if not each["problem"]} >= {"label-studio", "argilla", "choice", "local"}

    served = """
import sys, pathlib
from labelwheel.backend import app
from labelwheel.backend.database.engine import Database
from labelwheel.backend.processes import home_folder
from labelwheel.backend.settings import Settings
settings = Settings(home=pathlib.Path(sys.argv[1]))
home_folder.prepare(settings)
routes = {str(rule) for rule in app.create_app(settings, start=False).url_map.iter_rules()}
assert {"/predict", "/api/v1/status"} <= routes, routes
from labelwheel.training.strategies import registry
assert len(registry.strategies()) > 10
assert all(map(registry.comes_along, registry.strategies()))
"""
    done = run(site, "-c", served, str(tmp_path / "home"))
    assert done.returncode == 0, done.stdout + done.stderr
