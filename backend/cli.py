"""The `labelwheel` command: puts the commands together, and says each failure in one line."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from labelwheel.backend.commands import (
    agreement,
    connecting,
    explaining,
    exporting,
    inspection,
    label_errors,
    learning,
    outlook,
    plugins,
    predicting,
    publishing,
    replaying,
    running,
    securing,
    space,
    tuning,
)
from labelwheel.backend.commands.help import Command, Group
from labelwheel.backend.validation import reworded
from labelwheel.training.errors import LabelwheelError

app = typer.Typer(
    name="labelwheel",
    cls=Group,
    help="The model that learns while people label: suggest, correct, retrain, swap.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command(cls=Command)(running.serve)
app.add_typer(connecting.connect, name="connect")
app.command(cls=Command)(connecting.disconnect)
app.command(cls=Command)(inspection.status)
app.command(cls=Command)(learning.train)
app.command(cls=Command)(tuning.tune)
app.command(cls=Command)(learning.promote)
app.command(cls=Command)(learning.rollback)
app.command(cls=Command)(learning.checkpoints)
app.command(cls=Command)(inspection.report)
app.command(cls=Command)(label_errors.errors)
app.command(cls=Command)(explaining.explain)
app.command(cls=Command)(outlook.forecast)
app.command(cls=Command)(agreement.agreement)
app.command(cls=Command)(exporting.export)
app.command(cls=Command)(publishing.push)
app.command(cls=Command)(publishing.pull)
app.command(cls=Command)(space.space)
app.command(cls=Command)(predicting.predict)
app.command(cls=Command)(replaying.replay)
app.command(cls=Command)(securing.rotate)
app.command(cls=Command)(securing.audit)
app.command(cls=Command)(plugins.plugins)
app.command(cls=Command, name="new-key")(securing.new_key)
app.command(cls=Command, hidden=True)(running.web)
app.command(cls=Command, hidden=True)(running.worker)
app.command(cls=Command, hidden=True)(running.migrate)


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
        message = reworded(error.format_message().removeprefix("Invalid value: "))
        sys.exit(_fail(f"{message} (see `{_command(error)} --help`)", error.exit_code) if message else error.exit_code)
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


def _command(error: typer.TyperException) -> str:
    """The command that knows better, such as `labelwheel export`, however it was started."""
    names, context = list[str](), getattr(error, "ctx", None)
    while context is not None and context.parent is not None:
        names.append(context.info_name)
        context = context.parent
    return " ".join(["labelwheel", *reversed(names)])


def _fail(message: str, code: int) -> int:
    print("labelwheel: " + " ".join(message.split()), file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    main()
