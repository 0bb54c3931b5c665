"""A checkpoint's README.md: a model card as hubs read them, around the report.

In front are the fields of a Hugging Face card, then what the model is for and where its limits are, then what the
report says. https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelwheel.training.checkpoints import layered_head
from labelwheel.training.checkpoints.checkpoint import Manifest, without_keys
from labelwheel.training.evaluation.base_card import UNKNOWN, BaseCard
from labelwheel.training.evaluation.markdown import cell, code
from labelwheel.training.evaluation.rendering import render
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question

_TASKS = {
    "AutoModelForSequenceClassification": "text-classification",
    "AutoModelForTokenClassification": "token-classification",
}
_NAMED = 20
_WEAK = 5
_MEASURED = 5
"""Of fewer measured labels of a class its F1 says little."""


def write(manifest: Manifest, report: Mapping[str, Any], base: BaseCard) -> str:
    """The whole card, as Markdown with YAML in front."""
    opening, _, rest = render(without_keys(report)).partition("\n## ")
    note = f"> {layered_head.NOTE}" if manifest.head else ""
    if manifest.foreign:
        note = f"> {manifest.foreign.note}"
    parts = [_front(manifest, report, base), note, opening.strip(), _use(manifest, base), _limits(manifest, report)]
    return "\n\n".join([*filter(None, parts), f"## {rest.strip()}" if rest else ""]).strip() + "\n"


def _front(manifest: Manifest, report: Mapping[str, Any], base: BaseCard) -> str:
    from huggingface_hub import ModelCardData

    question = manifest.question
    task = _TASKS.get(kind_of(question).auto_class)
    metric = "f1" if "f1" in report["metric"] else report["metric"]
    fields: dict[str, Any] = {
        "license": base.license,
        "library_name": "transformers",
        "base_model": base.name,
        "pipeline_tag": task,
        "tags": ["labelwheel", question.kind],
        "metrics": [metric],
    }
    results = _results(report, question, task or question.kind, metric)
    if results:
        fields |= {"model_name": manifest.version, "eval_results": results}
    text = ModelCardData(**{name: value for name, value in fields.items() if value}).to_yaml()
    return f"---\n{text.strip()}\n---"


def _results(report: Mapping[str, Any], question: Question, task: str, metric: str) -> list[Any]:
    from huggingface_hub import EvalResult

    headline = report["headline"]
    if headline is None:
        return []
    part = "train" if report["measured_on"] == "cross_validation" else "test"
    edges = {name: round(headline[name], 4) for name in ("low", "high", "level")}
    return [
        EvalResult(
            task_type=task,
            dataset_type="labels-of-a-project",  # nowhere on a hub: people's own
            dataset_name=f"{question.name}: labels of people, {report['scored_on']['examples']} measured",
            dataset_split=part,
            metric_type=metric,
            metric_name=report["metric"],
            metric_value=round(headline["value"], 4),
            metric_args=edges,
        )
    ]


def _use(manifest: Manifest, base: BaseCard) -> str:
    question = manifest.question
    named = list(map(cell, question.values))
    options = ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")
    asked = f"; its labels are {options}" if options else ""
    learnt = (
        f"from {manifest.label_count:,} labels of people (the hash of their set is {code(manifest.label_set)})"
        if manifest.label_count
        else "from the names of the labels alone"
    )
    licence = f"{UNKNOWN}: look at the base model" if base.license == UNKNOWN else base.license
    spoken = f" It was made for {', '.join(map(cell, base.languages))}." if base.languages else ""
    return (
        "## What it is for\n\n"
        f"It answers one question of one labelling project, {code(question.name)} (kind: {question.kind}){asked}. "
        f"It has learnt {learnt}, to suggest answers to people who look at each of them; Labelwheel replaces it as "
        f"soon as a better one is there. Texts unlike that project's, and decisions about people that nobody looks at, "
        f"are not what it was measured for.\n\n"
        f"Base model: {code(base.name)}, licence: {cell(licence)}.{spoken} The texts and labels that it has learnt "
        f"from belong to those who gave them, and are not part of this folder."
    )


def _limits(manifest: Manifest, report: Mapping[str, Any]) -> str:
    lines: list[str] = []
    if report["headline"] is None:
        lines.append("Nothing was measured.")
    lines.append(f"It reads {manifest.max_length} tokens of a text at once.")
    hidden = manifest.settings.get("hide_below") or 0
    if hidden:
        lines.append(f"Parts of answers with a score below {hidden:g} were left out when it was measured.")
    never = [row["label"] for row in report["classes"] if not row["train"]]
    if never and manifest.label_count:
        lines.append(f"No label to learn from: {_listed(never)}.")
    weak = sorted(
        (row for row in report["classes"] if row["support"] >= _MEASURED and row["f1"] is not None),
        key=lambda row: row["f1"],
    )[:_WEAK]
    if len(report["classes"]) > 1 and weak:
        lines.append("Weakest: " + ", ".join(f"{cell(row['label'])} (F1 {row['f1']:.2f})" for row in weak) + ".")
    slices = [f"{row['slice']} {row['value']}" for row in report["slices"] if row.get("worse")]
    if slices:
        lines.append(f"Worse than elsewhere, beyond chance: {_listed(slices)}.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(cell, names[:_NAMED])) + more
