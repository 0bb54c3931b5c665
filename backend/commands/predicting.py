"""predict: a whole file of texts, past HTTP, with the champions or with a checkpoint's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from labelwheel.backend.commands import targets
from labelwheel.backend.errors import InvalidRequest, InvalidSettings, NotFound
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.views import wording
from labelwheel.training.checkpoints.store import Store

if TYPE_CHECKING:
    from labelwheel.backend.serving.engine import Loaded

NewerHead = tuple[str, bytes]
"""Its version, and its content."""

CheckpointOption = Annotated[
    list[Path] | None,
    typer.Option("--checkpoint", metavar="FOLDER", help="a checkpoint, or an exported one; again for another question"),
]
ChampionOption = Annotated[
    bool, typer.Option("--champion", help="the champions by themselves, without newer heads in their place")
]
FieldOption = Annotated[str, typer.Option(help="what an exported folder reads, for it does not say so itself")]


def predict(
    source: Annotated[Path, typer.Argument(help="JSON lines: {“text”: …}, or tasks with “data”", metavar="IN.jsonl")],
    out: Annotated[
        Path,
        typer.Option(metavar="OUT.jsonl", help="JSON lines, one for each of the input; what is there already stays"),
    ],
    checkpoint: CheckpointOption = None,
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    champion: ChampionOption = False,
    field: FieldOption = "text",
) -> None:
    """Answer every line of a file, with this machine's own engine; run again, it goes on where it stopped."""
    if not source.is_file():
        raise NotFound(f"there is no file {source}")
    if out.resolve() == source.resolve():
        raise InvalidSettings("--out must be another file than the input")
    settings = load()
    found = [(folder, None) for folder in checkpoint or ()] or _champions(settings, project, question, not champion)
    # the engines' imports would make every other command slower
    from labelwheel.backend.rounds import foreign_models, language_model
    from labelwheel.backend.serving.bulk import Bulk
    from labelwheel.backend.serving.engines.choice import ChosenEngine
    from labelwheel.backend.serving.predictor import ServedQuestion

    console = Console()
    foreign_models.install(settings)
    language_model.install(settings)
    engine = ChosenEngine(settings.engine, settings.device, settings.serving_threads, settings.engines_file)
    models = [_loaded(engine.load_any(folder, field), head) for folder, head in found]
    members = {model.question.name: ServedQuestion(model.question, model) for model in models}
    if len(members) < len(models):
        raise InvalidSettings("two of the checkpoints answer the same question; give one of them at a time")
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("predicting", total=source.stat().st_size)
        told = settings.max_characters, lambda size, _: bar.advance(task, size), settings.shown_from
        bulk = Bulk(engine, members, *told)
        try:
            before, added = bulk.run(source, out)
        finally:
            bulk.close()
    known = f", {before:,} were there already" if before else ""
    failed = bulk.failures.count
    console.print(f"{wording.counted(added - failed, 'line')} answered{known}: {out}", highlight=False, soft_wrap=True)
    if failed:
        lines = f"{failed:,} lines" if failed != 1 else "1 line"
        raise InvalidRequest(
            f"{lines} could not be answered in full and {'have' if failed != 1 else 'has'} an “error” in {out}; the "
            f"first: {bulk.failures.first}"
        )


def _loaded(model: Loaded, head: NewerHead | None) -> Loaded:
    from labelwheel.backend.serving.headed import Headed
    from labelwheel.training.heads import files

    return model if head is None else Headed(model, files.load(head[1]), head[0])


def _champions(
    settings: Settings, project: str | None, question: str | None, headed: bool
) -> list[tuple[Path, NewerHead | None]]:
    """Their folders, and where it is wanted what answers in their place since newer labels."""
    client = targets.service()
    status = client.status()
    found = targets.project(status, project)
    asked = [targets.question(found, question)] if question else found["questions"]
    answering = [each for each in asked if each["champion"] and each.get("active", True)]
    if not answering:
        raise NotFound(f"project {targets.title(found)} has no champion yet; label some examples first")
    # the service's own store, so that nobody has to know its home on the same machine
    stores = [settings.checkpoints, Store(status["store"], settings.cache_folder)]
    folders = []
    for each in answering:
        champion = each["champion"]
        store = next((one for one in stores if one.has(champion["version"])), None)
        if store is None:
            raise NotFound(
                f"the champions lie in {status['store']}, where {client.url} runs; on another machine `labelwheel "
                "export` each of them and give its folder as --checkpoint"
            )
        folder = store.read(champion["version"], verify=False, digest=champion.get("manifest_digest")).folder
        newer = headed and each.get("head") is not None
        folders.append((folder, client.head(found["id"], each["name"], champion["version"]) if newer else None))
    return folders
