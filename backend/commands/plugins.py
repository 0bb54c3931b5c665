"""plugins: connectors, kinds, strategies, launchers and the like that are installed here, and which are broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from importlib.metadata import EntryPoint
from typing import Annotated, Any, NamedTuple

import typer
from rich.table import Table

from labelwheel.backend.commands import terminal
from labelwheel.backend.projects import connectors
from labelwheel.backend.rounds import foreign_models, launchers
from labelwheel.backend.settings import load
from labelwheel.plugins.connector import Connector
from labelwheel.training import entry_points
from labelwheel.training.errors import BrokenPlugin
from labelwheel.training.heads import files as heads
from labelwheel.training.inspection.registry import SECTIONS
from labelwheel.training.kinds import registry as kinds
from labelwheel.training.language import redaction
from labelwheel.training.strategies import registry as strategies

OURS = "labelwheel"
STORES = "fsspec.specs"


class Found(NamedTuple):
    """One plugin; `problem` says why it is left out, in one line, and is empty of one that works."""

    what: str
    name: str
    package: str
    version: str
    problem: str = ""


def plugins(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Say which connectors, kinds, strategies, launchers and the like are installed here, and which are broken."""
    found = list(listed())
    if as_json:
        typer.echo(json.dumps([each._asdict() for each in found], indent=1, ensure_ascii=False))
        return
    table = Table("what", "name", "package", "version", "", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for each in found:
        said = f"left out: {each.problem}" if each.problem else ""
        table.add_row(*each[:4], said, style="red" if said else "")
    terminal.console().print(table)


def listed() -> Iterator[Found]:
    """All of them, those that come along first; each is loaded, so that what is broken shows."""
    yield from _entries("connector", [connectors.entry(name) for name in connectors.names()], _check_connector)
    yield from _registered("kind", kinds.GROUP, {each.name: type(each) for each in kinds.kinds()}, kinds.broken())
    learnt = {each.name: each for each in strategies.strategies()}
    yield from _registered("strategy", strategies.GROUP, learnt, strategies.broken())
    yield from _entries("launcher", [launchers.entry(name) for name in launchers.names()], _check_launcher)
    for what, names in (("section", [each.name for each in SECTIONS]), ("head", list(heads.readers()))):
        yield from (Found(what, name, *_package(OURS)) for name in names)
    yield from _entries("redaction", entry_points.installed(redaction.GROUP), redaction.check)
    for model in foreign_models.configured(load()):
        yield Found("ml backend", model.name, model.path, model.sha256[:12])
    for entry in entry_points.installed(STORES):
        yield Found("store", entry.name, *_origin(entry), _driver(entry.name))


def _entries(what: str, entries: Sequence[EntryPoint], check: Callable[[Any], None]) -> Iterator[Found]:
    for entry in sorted(entries, key=lambda each: (_origin(each)[0] != OURS, each.name)):
        problem = ""
        try:
            check(entry_points.load(entry))
        except Exception as error:
            problem = entry_points.line(error)
        yield Found(what, entry.name, *_origin(entry), problem)


def _registered(what: str, group: str, known: Mapping[str, type], broken: Mapping[str, str]) -> Iterator[Found]:
    brought = {entry.value: entry for entry in entry_points.installed(group)}
    for name, each in known.items():
        entry = brought.get(f"{each.__module__}:{each.__qualname__}")
        yield Found(what, str(name), *(_origin(entry) if entry else _package(each.__module__.partition(".")[0])))
    for entry in brought.values():
        if entry.name in broken:
            yield Found(what, entry.name, *_origin(entry), broken[entry.name])


def _origin(entry: EntryPoint) -> tuple[str, str]:
    """The package that an entry point is of, and its version."""
    found = getattr(entry, "dist", None)
    return (found.name, found.version) if found is not None else _package(entry.module.partition(".")[0])


def _package(module: str) -> tuple[str, str]:
    try:
        return module, metadata.version(module)
    except metadata.PackageNotFoundError:
        return module, ""


def _check_connector(found: Any) -> None:
    wanted = [name for name, each in vars(Connector).items() if callable(each) and not name.startswith("_")]
    _complete(found, "Connector", [*wanted, "tool", "arguments"])


def _check_launcher(found: Any) -> None:
    if not callable(found):
        raise BrokenPlugin(f"{found!r:.100} is no launcher: it has to be callable with a Site")


def _driver(protocol: str) -> str:
    """Why a store cannot be used; fsspec names some of its classes in a way of its own."""
    import fsspec

    try:
        fsspec.get_filesystem_class(protocol)
    except (Exception, SystemExit) as error:
        return entry_points.line(error)
    return ""


def _complete(found: Any, contract: str, wanted: Sequence[str]) -> None:
    if lacking := [name for name in wanted if not hasattr(found, name)]:
        raise BrokenPlugin(f"{found!r:.100} is no {contract}, it lacks: {', '.join(lacking)}")
