"""serve, web, worker: the service itself; migrate: what it does first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelwheel.backend.settings import load

HostOption = Annotated[str | None, typer.Option(help="the address to listen on; any but a loopback one needs a token")]
PortOption = Annotated[int | None, typer.Option(help="the port to listen on; 0 takes a free one")]
HomeOption = Annotated[Path | None, typer.Option(help="where the database and the checkpoints live")]


def serve(host: HostOption = None, port: PortOption = None, home: HomeOption = None) -> None:
    """Run the service: web and worker on this machine, until Ctrl-C."""
    _run(("web", "worker"), host, port, home)


def web(host: HostOption = None, port: PortOption = None, home: HomeOption = None) -> None:
    """Run the web process alone; the worker runs elsewhere, on the same database and checkpoints."""
    _run(("web",), host, port, home)


def worker(home: HomeOption = None) -> None:
    """Run the worker alone; the web process runs elsewhere, on the same database and checkpoints."""
    _run(("worker",), None, None, home)


def migrate(home: HomeOption = None) -> None:
    """Make the database ready, or bring it up to date, and end; what runs apart does so by itself when it starts."""
    from labelwheel.backend.processes import home_folder

    home_folder.prepare(load(home=home))


def _run(roles: tuple[str, ...], host: str | None, port: int | None, home: Path | None) -> None:
    # the supervisor's imports would make every other command slower
    from labelwheel.backend.processes import supervisor

    raise typer.Exit(supervisor.serve(load(host=host, port=port, home=home), roles))
