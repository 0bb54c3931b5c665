"""A report as Markdown that people read: the score first, then where it is weak, then how it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labelwheel.training.evaluation import slice_tables
from labelwheel.training.evaluation.markdown import cell as _cell
from labelwheel.training.evaluation.markdown import code as _code
from labelwheel.training.evaluation.markdown import number as _number
from labelwheel.training.evaluation.markdown import table as _table
from labelwheel.training.evaluation.markdown import words as _words

_MOST_CLASSES = 40
_MOST_CONFUSIONS = 15
_SIDES = (("Lost beyond chance", "lost"), ("Won beyond chance", "won"))
_MIB = 1 << 20
_CURVE_OF = {
    "heads": "Heads that follow the labels, each fitted to some of them and measured on all others.",
    "regression": "The regression on the encoder as it was before any label, measured on what is held out.",
}


def render(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    sections = [
        _opening(report),
        _list("Notes", report["notes"]),
        _classes(report),
        _against(report),
        _confusions(report),
        slice_tables.render(report),
        _how(report),
        _curves(report),
        _scores(report),
        _artefact(report),
        _data(report),
        _trace(report),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _sight(on: Mapping[str, Any]) -> str:
    """Whether those who labelled them saw what the model said."""
    if on["blind"]:
        return "Nobody was shown a suggestion for them."
    return (
        f"People may have seen a suggestion for them, which makes scores look better; {on['blind_groups']:,} of the "
        f"{on['enough']} blind ones that a score takes are there."
    )


def _opening(report: Mapping[str, Any]) -> str:
    title = f"# {report['question']}: {report['version']}"
    headline = report["headline"]
    if headline is None:
        return f"{title}\n\nNothing was measured."
    where = "by cross-validation" if report["measured_on"] == "cross_validation" else "held out"
    on = report["scored_on"]
    text = (
        f"**{_words(report['metric'])} {_number(headline['value'])}** "
        f"({headline['level']:.0%} interval {_number(headline['low'])} to {_number(headline['high'])}) "
        f"on {on['examples']:,} examples {where}, {on['groups']:,} of them independent. {_sight(on)}"
    )
    if champion := report["champion"]:
        change = champion["challenger_score"] - champion["score"]
        sure = "beyond" if champion["beyond_chance"] else "within"
        text += (
            f"\n\nThe champion {_code(champion['version'])} scores {_number(champion['score'])} on the "
            f"{champion['examples']:,} examples that both were measured on, this one "
            f"{_number(champion['challenger_score'])} ({change:+.3f}). The mean score changes by "
            f"{champion['difference']:+.3f} ({champion['level']:.0%} interval {champion['low']:+.3f} to "
            f"{champion['high']:+.3f}), which is {sure} chance."
        )
    others = {name: value for name, value in report["metrics"].items() if name != report["metric"]}
    table = _table(("metric", "value"), [(_words(name), _number(value)) for name, value in others.items()])
    return "\n\n".join(filter(None, [title, text, table]))


def _classes(report: Mapping[str, Any]) -> str:
    rows = report["classes"]
    if not rows:
        return ""
    header = ("class", "F1 (95 % interval)", "precision", "recall", "measured", "trained on")
    cells = [
        (
            _cell(row["label"]), _number(row["f1"]) + _interval(row), _number(row["precision"]), _number(row["recall"]),
            f"{row['support']:g}", f"{row['train']:,}",
        )
        for row in rows[:_MOST_CLASSES]
    ]  # fmt: skip
    return "## Classes\n\n" + _table(header, cells) + _more(rows)


def _interval(row: Mapping[str, Any]) -> str:
    return f" ({_number(row['f1_low'])} to {_number(row['f1_high'])})" if row.get("f1_low") is not None else ""


def _against(report: Mapping[str, Any]) -> str:
    """What was lost and won in each class against the champion; classes with the same F1 are counted only."""
    champion = report["champion"]
    if not champion or not champion["classes"]:
        return ""
    changed = [row for row in champion["classes"] if abs(row["change"]) > 1e-9]
    same = len(champion["classes"]) - len(changed)
    said = [f"**{word}**: {', '.join(map(_cell, champion[key]))}." for word, key in _SIDES if champion[key]]
    opening = " ".join(said) if said else "No class was lost or won beyond chance."
    header = ("class", f"champion's F1 ({_code(champion['version'])})", "F1", "change", "interval", "measured", "")
    cells = [
        (
            _cell(row["label"]), _number(row["champion_f1"]), _number(row["challenger_f1"]), f"{row['change']:+.3f}",
            f"{row['low']:+.3f} to {row['high']:+.3f}", f"{row['support']:g}",
            "beyond chance" if row["beyond_chance"] else "",
        )
        for row in _worst_and_best(changed)
    ]  # fmt: skip
    closing = (
        f"Intervals are those of each class by itself, at {champion['level']:.0%}: of ten classes that are as they "
        "were, one may look changed."
    )
    if same:
        closing += f" {same:,} {'class has' if same == 1 else 'classes have'} the same F1 as before."
    parts = ["## Lost and won against the champion", opening, _table(header, cells) + _more(changed), closing]
    return "\n\n".join(filter(None, parts))


def _worst_and_best(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of many the two ends: what is lost comes first."""
    if len(rows) <= _MOST_CLASSES:
        return list(rows)
    return [*rows[: _MOST_CLASSES // 2], *rows[-_MOST_CLASSES // 2 :]]


def _more(rows: Sequence[Any]) -> str:
    return f"\n\n… and {len(rows) - _MOST_CLASSES} more in `report.json`." if len(rows) > _MOST_CLASSES else ""


def _confusions(report: Mapping[str, Any]) -> str:
    listed = report["confusions"][:_MOST_CONFUSIONS]
    rows = [(_cell(row["gold"]), _cell(row["predicted"]), row["count"]) for row in listed]
    return "## What is taken for what\n\n" + _table(("people say", "the model says", "times"), rows) if rows else ""


def _how(report: Mapping[str, Any]) -> str:
    rows = [
        (
            f"**{_cell(trial['name'])}**" if trial["name"] == report["chosen"] else _cell(trial["name"]),
            _number(trial["score"]),
            f"{trial['seconds']:.0f} s",
            _cell(trial["detail"]),
        )
        for trial in report["trials"]
    ]
    if not rows:
        return ""
    reason = f"\n\n{report['reason']}" if report["reason"] else ""
    return "## What was tried\n\n" + _table(("candidate", "score", "time", "detail"), rows) + reason


def _curves(report: Mapping[str, Any]) -> str:
    parts = []
    if report["training_curve"]:
        rows = [
            [f"{point['epoch']:g}", *(_number(point[name]) for name in ("train_loss", "validation_loss", "score"))]
            for point in report["training_curve"]
        ]
        verdict = report["training_verdict"]
        parts.append(
            f"## Training curve: {verdict['verdict']}\n\n{verdict['reason']}\n\n"
            + _table(("epoch", "training loss", "validation loss", "validation score"), rows)
        )
    if report["learning_curve"]:
        rows = [
            [f"{point['labels']:,}", _number(point["score"]), f"{_number(point['low'])} to {_number(point['high'])}"]
            for point in report["learning_curve"]
        ]
        whose = _CURVE_OF[report.get("learning_curve_of", "regression")]
        parts.append(
            f"## Learning curve\n\n{whose} {report['learning_outlook']['summary']}\n\n"
            + _table(("labels", "score", "interval"), rows)
        )
    return "\n\n".join(parts)


def _scores(report: Mapping[str, Any]) -> str:
    rows = [
        (f"{row['confidence']:.2f}", f"{row['accuracy']:.2f}", f"{row['examples']:,}")
        for row in report["calibration"]["reliability"]
    ]
    if not rows:
        return ""
    error = report["calibration"]["expected_error"]
    return (
        f"## Are the scores honest?\n\nOn average a score is off by {error:.3f} (expected calibration error).\n\n"
        + _table(("score says", "right in fact", "examples"), rows)
    )


def _artefact(report: Mapping[str, Any]) -> str:
    found = report["artefact"]
    if not found:
        return ""
    if found["precision"] is None:
        return f"## What a CPU serves\n\nThe weights, with torch: {_cell(found['reason'])}."
    text = f"## What a CPU serves\n\nAn ONNX graph in **{found['precision']}**: {_cell(found['reason'])}."
    if found["int8_score"] is not None:
        text += (
            f" The mean score is {_number(found['fp32_score'])} in fp32 and {_number(found['int8_score'])} in int8 "
            f"(90 % interval of the difference {found['low']:+.3f} to {found['high']:+.3f})."
        )
    for name, other in found.get("others", {}).items():
        text += f" {'As good' if other['holds'] else 'Not'} in {_cell(name)}: {_cell(other['reason'])}."
    return text


def _data(report: Mapping[str, Any]) -> str:
    labels, leakage = report["labels"], report["leakage"]
    parts = sorted(labels["by_class"])
    names = sorted({name for counts in labels["by_class"].values() for name in counts})
    rows = [[_cell(name), *(f"{labels['by_class'][part].get(name, 0):,}" for part in parts)] for name in names]
    rows.append(["(examples)", *(f"{labels['examples'].get(part, 0):,}" for part in parts)])
    such = ", ".join(leakage["examples"]) or "(near ones)"
    found = (
        "No text, group or near-duplicate is on both sides of the split."
        if leakage["clean"]
        else (
            f"On both sides of the split: {leakage['groups_in_both']} groups, {leakage['texts_in_both']} texts, "
            f"{leakage['near_texts_in_both']} near-duplicates; such as {such}."
        )
    )
    table = _table(("labels", *(_words(part) for part in parts)), rows) if parts else "There was none."
    return f"## Labels\n\n{table}\n\n{labels['fresh']:,} are newer than the champion. {found}"


def _trace(report: Mapping[str, Any]) -> str:
    facts = {
        "base model": _code(report["base_model"]),
        "started from": report["started_from"],
        "parent": _code(report["parent"]) if report["parent"] else "none",
        "label set": _code(report["label_set"]),
        "seed": report["seed"],
        "time": f"{report['seconds']:.0f} s",
        "peak memory": f"{report['peak_memory'] / _MIB:,.0f} MiB",
        **{f"setting {name}": value for name, value in report["settings"].items()},
        **report["libraries"],
    }
    return "## How it was made\n\n" + _table(("", ""), [(name, _cell(str(value))) for name, value in facts.items()])


def _list(title: str, lines: Sequence[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""
