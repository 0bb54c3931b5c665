"""The `labelwheel` command: puts the commands together, and says each failure in one line."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from backend.commands import connecting, exporting, learning, looking, predicting, running, securing
from training.errors import LabelwheelError

app = typer.Typer(
    name="labelwheel",
    help="The model that learns while people label: suggest, correct, retrain, swap.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(running.serve)
app.add_typer(connecting.connect, name="connect")
app.command()(connecting.disconnect)
app.command()(looking.status)
app.command()(learning.train)
app.command()(learning.rollback)
app.command()(learning.checkpoints)
app.command()(looking.report)
app.command()(exporting.export)
app.command()(predicting.predict)
app.command()(securing.rotate)
app.command()(securing.audit)
app.command(hidden=True)(running.web)
app.command(hidden=True)(running.worker)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="say the version and end")] = False) -> None:
    if version:
        from importlib import metadata

        typer.echo(metadata.version("labelwheel"))
        raise typer.Exit


def main() -> NoReturn:
    """Runs the command; 0 is well, 1 is a failure, 2 a mistake on the command line, 130 is Ctrl-C."""
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        # such as a wrong option: typer's own way takes several lines
        message = error.format_message().removeprefix("Invalid value: ")
        sys.exit(_fail(f"{message} (see `labelwheel --help`)", error.exit_code) if message else error.exit_code)
    except LabelwheelError as error:
        sys.exit(_fail(str(error), 1))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        sys.exit(_fail(str(error), 1))
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    print("labelwheel: " + " ".join(message.split()), file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    main()
