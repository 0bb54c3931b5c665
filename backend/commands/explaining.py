"""explain: why the model says what it says of one text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.text import Text

from labelwheel.backend.commands import targets, terminal
from labelwheel.backend.commands.targets import Row
from labelwheel.backend.errors import InvalidRequest
from labelwheel.backend.web.client import Client
from labelwheel.training.questions import answer_line, item_line

_AT_ONCE = 50
_TOLD = 200  # characters of a neighbour


def explain(
    text: Annotated[str | None, typer.Argument(help="what to explain the answer to", show_default=False)] = None,
    example: Annotated[
        str | None, typer.Option("--example", metavar="KEY", help="an example of the project, by its key in the tool")
    ] = None,
    project: targets.ProjectOption = None,
    question: targets.QuestionOption = None,
    shapley: Annotated[
        bool, typer.Option("--shapley", help="weigh words by Shapley values: some hundred answers, labelwheel[shapley]")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show what the model answers to a text, which words carried it, the nearest labels and those that moved it."""
    if (text is None) == (example is None):
        raise InvalidRequest("give a text, or the key of an example with --example")
    client = targets.service()
    found, asked = targets.asked(client, project, question)
    body = client.explain(found["id"], asked["name"], key=example, text=text)
    if shapley:
        body["carried"] = _shapley(client, found["id"], body)
    if as_json:
        typer.echo(json.dumps(body, indent=1, ensure_ascii=False))
        return
    for line in lines(body):
        terminal.console().print(line, soft_wrap=True)


def lines(body: Row) -> Iterator[Text]:
    """An explanation for a terminal: the answer, its words, and what is labelled near it."""
    said = body["prediction"]
    if said["answer"] is None:
        yield Text("nothing is suggested", style="yellow")
    else:
        head = Text(f"{body['question']['name']}: ").append(answer_line(said["answer"], _text(body)), style="bold")
        yield head.append(f"  {said['score']:.2f}  {body['version']}", style="dim")
    several = isinstance(said["answer"], list)
    for number, each in enumerate(body["carried"]):
        if several:
            score = said["item_scores"][number]
            yield Text(f"\n{item_line(each['item'], _text(body))}  ").append(f"{score:.2f}", style="dim")
        yield from _marked(body, each)
        yield Text(_carried(body, each), style="dim")
    if not body["carried"]:
        yield from map(Text, filter(None, body["fields"].values()))
    if body["nearest"]:
        yield Text(f"\nnearest of {body['compared']:,} labels")
    for each in body["nearest"]:
        yield _labelled(f"{each['likeness']:.2f}", each)
    if body["unmoved"]:
        yield Text(f"\n{body['unmoved']}", style="dim")
    elif body["moved"]:
        yield Text("\nlabels that moved it most, by a regression on the model's features")
    for item, moved in groupby(body["moved"], key=lambda one: one["item"]):
        if several:
            yield Text(f"  {item}")
        for each in moved:
            yield _labelled(f"{each['share']:+.0%}".rjust(4), each)


def _labelled(figure: str, each: Row) -> Text:
    line = Text(f"  {figure}  ", style="dim")
    line.append(answer_line(each["label"], _text(each)), style="not dim cyan")
    text = " / ".join(filter(None, each["fields"].values()))  # a field that people may leave empty ends no line
    return line.append(f"  {' '.join(text.split())[:_TOLD]}", style="not dim")


def _carried(body: Row, each: Row) -> str:
    """The marked words; of Shapley values what each is worth, else what is left of the answer without them."""
    words = [(body["words"][place]["text"], each["weights"][place]) for place in each["marked"]]
    if not words:
        return f"carried by {'no word beside it' if _is_span(each['item']) else 'no word by itself'}"
    if "rest" not in each:
        return "carried by " + ", ".join(f"{word} ({weight:+.2f})" for word, weight in words)
    left = "gone" if each["rest"] <= 0 else f"left at {each['rest']:.2f}"
    told = ", ".join(word for word, _ in words)
    return f"carried by {told}; without {'it' if len(words) == 1 else 'them'} the answer is {left}"


def _marked(body: Row, carried: Row) -> Iterator[Text]:
    """The fields, a line each; the marked words stand out, and so does a span."""
    for name, text in body["fields"].items():
        if not text:
            continue
        line = Text(text)
        if _is_span(carried["item"]):
            line.stylize("underline", carried["item"]["start"], carried["item"]["end"])
        for place in carried["marked"]:
            word = body["words"][place]
            if word["field"] == name:
                line.stylize("bold reverse", word["start"], word["end"])
        yield line


def _text(body: Row) -> str | None:
    """What spans are in: they are asked about one field."""
    return next(iter(body["fields"].values())) if len(body["fields"]) == 1 else None


def _is_span(item: Any) -> bool:
    return isinstance(item, dict)


def _shapley(client: Client, project: int, body: Row) -> list[Row]:
    """The same items with Shapley values as weights: counted here, so that the service's threads stay free."""
    from labelwheel.training.evaluation import shapley
    from labelwheel.training.evaluation.explanation import Occluded, most
    from labelwheel.training.questions import Example, Prediction, Question

    question = Question.model_validate(body["question"])

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        found: list[Prediction] = []
        for start in range(0, len(examples), _AT_ONCE):
            piece = [one.model_dump(mode="json") for one in examples[start : start + _AT_ONCE]]
            said = client.suggest(project, piece)["suggestions"]
            found += [Prediction.model_validate(one["predictions"][question.name]) for one in said]
        return found

    prediction = Prediction.model_validate(body["prediction"])
    occluded = Occluded(question, Example(key="", fields=body["fields"]), answer, prediction)
    weights = shapley.values(occluded)
    found = []
    for number, item in enumerate(occluded.items):
        places = sorted(occluded.beside(number), key=lambda place: -weights[place, number])[: most(len(weights))]
        marked = [place for place in places if weights[place, number] > 0]
        found.append({"item": item, "weights": weights[:, number].tolist(), "marked": marked})
    return found
