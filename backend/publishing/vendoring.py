"""The part of labelwheel that a Space runs, as a folder of its own: modules, what they import of ours, and of others.

A Space installs packages from the index, where labelwheel is not; so what it needs of it lies beside the model.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

_OURS = "labelwheel"
_BEHIND = ("torch", "transformers", "safetensors", "scikit-learn")
"""What is imported when it is first needed."""


def copy(modules: Iterable[str], target: Path) -> list[str]:
    """Copies modules and all that they import of ours into a folder; requirements of what they import besides.

    A package that is named is copied with all that is in it, what is no code too.
    """
    wanted = [name for module in modules for name in _within(module)]
    done: dict[str, Path] = {}
    others: set[str] = set(_BEHIND)
    while wanted:
        name = wanted.pop()
        path = _path(name)
        if name in done or path is None:
            continue
        done[name] = path
        tree = ast.parse(path.read_text("utf-8"))
        wanted += [one for one in _imports(tree.body, deep=True) if one.startswith(f"{_OURS}.")]
        wanted += [".".join(name.split(".")[:size]) for size in range(2, name.count(".") + 1)]
        others |= {one.partition(".")[0] for one in _imports(tree.body, deep=False)}
    for name, path in done.items():
        within = target.joinpath(*name.split("."))
        place = within / path.name if path.name == "__init__.py" else within.with_suffix(".py")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    (target / _OURS / "__init__.py").write_text('"""What a Space needs of labelwheel."""\n', "utf-8")
    for module in modules:
        spec = find_spec(module)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            for path in (each for each in Path(root).glob("static/*") if each.is_file()):
                place = target.joinpath(*module.split("."), "static", path.name)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
    return sorted(_requirements(others))


def _within(module: str) -> Iterator[str]:
    """A module, and where it is a package all that is in it."""
    yield module
    spec = find_spec(module)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for path in Path(root).glob("*.py"):
            if path.stem != "__init__":
                yield f"{module}.{path.stem}"


def _path(name: str) -> Path | None:
    """The file of a module; None for what is no module, such as a function that is imported."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _imports(body: Iterable[ast.stmt], deep: bool) -> Iterator[str]:
    nodes = (each for one in body for each in ast.walk(one)) if deep else iter(body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def _requirements(packages: Iterable[str]) -> Iterator[str]:
    known = metadata.packages_distributions()
    for package in packages:
        if package in sys.stdlib_module_names or package in (_OURS, "__future__"):
            continue
        name = known.get(package, [package])[0]
        version = re.sub(r"\+.*", "", metadata.version(name))  # of which build, the Space's machine decides
        yield f"{name}=={version}"
