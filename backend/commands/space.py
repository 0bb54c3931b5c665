"""space: a page to try the champion on, as a folder for Hugging Face's Spaces; and what visitors flagged there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labelwheel.backend.commands import exporting, targets
from labelwheel.backend.errors import Conflict, InvalidRequest, InvalidSettings, NotFound
from labelwheel.backend.publishing import space_folder
from labelwheel.backend.publishing.flagged import FlagsFile, RunningSpace
from labelwheel.backend.publishing.space.settings import MODEL
from labelwheel.backend.settings import load
from labelwheel.training import places
from labelwheel.training.questions import Question

_AT_ONCE = 20


def space(
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="the folder to write; it must not exist yet")
    ] = None,
    pull: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="instead: what was flagged there, or in a flags.jsonl, into the labelling tool"
        ),
    ] = None,
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    version: targets.VersionOption = None,
    example: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="shown to visitors; again for another. Without any, the names of the labels"),
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="with --pull, those too that cannot be labels leave the Space")
    ] = False,
) -> None:
    """Write a page to try the champion on, as a folder for Hugging Face's Spaces, or pull what visitors flagged."""
    if (out is None) == (pull is None):
        raise InvalidSettings("give either --out FOLDER, or --pull with the Space's address")
    if pull is not None:
        if version is not None or example:
            raise InvalidSettings("--version and --example are for --out; leave them away")
        _pull(pull, project, question, drop)
        return
    assert out is not None
    if drop:
        raise InvalidSettings("--drop is for --pull; leave it away")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Conflict(f"{out} is there already and not empty; choose another folder")
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    console = Console()
    with client.labels(found["id"], asked["name"]) as lines:
        spec = Question.model_validate(next(lines)["question"])
    with exporting.appearing(out) as folder:
        model = folder / MODEL
        model.mkdir()
        name = exporting.fetch(client, found["id"], asked["name"], version, model, console)
        space_folder.write(folder, name, spec, None if not example else [_texts(one) for one in example])
    console.print(
        f"a Space for {name} is in {out}: `python {out / 'app.py'}` tries it here, on port 7860; Hugging Face runs it "
        "as a Space of the Docker SDK; its README.md says the rest",
        highlight=False, soft_wrap=True, markup=False,
    )  # fmt: skip
    if example is None:
        console.print("Its examples are the names of the labels: --example shows texts of yours", soft_wrap=True)


def _texts(example: str) -> list[str]:
    """A text, or a JSON list of them for a question that reads several."""
    if not example.startswith("["):
        return [example]
    try:
        found = json.loads(example)
    except ValueError:
        return [example]
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else [example]


def _pull(source: str, project: str | None, question: str | None, drop: bool) -> None:
    if places.is_url(source):
        there: RunningSpace | FlagsFile = RunningSpace(source, load().space_token)
    elif Path(source).is_file():
        there = FlagsFile(Path(source))
    else:
        raise NotFound(f"{source} is neither the address of a Space (https://…) nor a file")
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    flags = there.flags()
    added, reasons = 0, list[str]()
    for start in range(0, len(flags), _AT_ONCE):
        batch = [{name: one.get(name) for name in ("id", "texts", "answer")} for one in flags[start : start + _AT_ONCE]]
        said = client.flags(found["id"], asked["name"], batch)
        gone = [*said["added"], *([one["id"] for one in said["refused"]] if drop else [])]
        if gone:
            there.take(gone)  # what is not told there is known in the labelling tool, and added once
        added += len(said["added"])
        reasons += [one["reason"] for one in said["refused"]]
    what = f"{added:,} flagged answer{'s' * (added != 1)}"
    Console().print(
        f"{what} to {asked['name']} are in the labelling tool, from where they come as labels",
        highlight=False,
        soft_wrap=True,
    )
    if reasons:
        stay = "they are gone from the Space" if drop else "they stay in the Space; --drop takes them away"
        raise InvalidRequest(f"{len(reasons):,} could not be added, and {stay}; the first: {reasons[0]}")
