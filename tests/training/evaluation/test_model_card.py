"""The card is what hubs read: its fields are theirs, its numbers the report's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, metadata_load
from huggingface_hub.repocard_data import eval_results_to_model_index
from transformers import AutoModel

from labelwheel.training.checkpoints import checkpoint, layered_head
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.evaluation import base_card, model_card, report
from labelwheel.training.evaluation.base_card import EMBEDDED, UNKNOWN, BaseCard
from labelwheel.training.questions import Kind, Option, Question
from tests.training.evaluation.test_report import QUESTION, findings
from tests.training.models import tiny_bert

KNOWN = BaseCard(name="people/base", license="apache-2.0", languages=("en",))


def manifest(question: Question = QUESTION, **more: Any) -> Manifest:
    filled = {
        "version": "mentions-7", "question": question, "base_model": "tiny", "encoder_digest": "e", "recipe": "frozen",
        "max_length": 128, "label_set": "abc123", "label_count": 20, "seed": 13, **more,
    }  # fmt: skip
    return Manifest(**filled)


def test_a_hub_reads_its_fields_and_the_score_with_its_interval(tmp_path: Path) -> None:
    found = report.build(findings())
    path = tmp_path / "README.md"
    path.write_text(model_card.write(manifest(), found, KNOWN), "utf-8")
    fields = ModelCard.load(path).data
    assert metadata_load(path) == fields.to_dict()
    assert (fields.license, fields.base_model, fields.library_name) == ("apache-2.0", "people/base", "transformers")
    assert (fields.pipeline_tag, fields.metrics, fields.tags) == (
        "token-classification",
        ["f1"],
        ["labelwheel", "spans"],
    )
    [result] = fields.eval_results
    assert result.metric_value == pytest.approx(found["headline"]["value"], abs=1e-4)
    assert result.metric_args["low"] < result.metric_value < result.metric_args["high"]
    assert (result.dataset_split, result.metric_name) == ("test", "span_f1")
    assert eval_results_to_model_index("mentions-7", fields.eval_results) == fields.to_dict()["model-index"]


def test_a_card_names_no_single_example() -> None:
    found = report.build(findings())
    found["leakage"] = {**found["leakage"], "clean": False, "examples": ["customer-7"]}
    assert "customer-7" in report.render(found)
    assert "customer-7" not in model_card.write(manifest(), found, KNOWN)


def test_people_read_what_it_is_for_where_it_fails_and_the_whole_report() -> None:
    found = report.build(findings())
    text = model_card.write(manifest(settings={"hide_below": 0.3}), found, KNOWN)
    body = text.split("---\n", 2)[2]
    titles = [line for line in body.splitlines() if line.startswith("#")]
    assert titles[:3] == ["# mentions: mentions-7", "## What it is for", "## Limits"]
    assert titles[3:] == [line for line in report.render(found).splitlines() if line.startswith("## ")]
    for said in (
        "20 labels of people", "`abc123`", "ORG, a\\|b &lt;x>, never", "licence: apache-2.0", "made for en",
        "score below 0.3", "No label to learn from: never.", "| torch | 2.13 |",
    ):  # fmt: skip
        assert said in body


def test_a_question_that_takes_one_label_is_not_said_to_take_more() -> None:
    text = model_card.write(manifest(), report.build(findings()), KNOWN)
    assert "; its labels are ORG" in text
    assert "one or more" not in text


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    choice = Question(name="mood", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="a"), Option(value="b")))
    found = report.build(findings(count=0, champion_scores=None, learning_curve=[]))
    text = model_card.write(manifest(choice, label_count=0, head=layered_head.FILE), found, BaseCard(name="b"))
    fields = ModelCard(text).data
    assert (fields.license, fields.eval_results, fields.pipeline_tag) == (UNKNOWN, None, "text-classification")
    assert "unknown: look at the base model" in text
    assert "from the names of the labels alone" in text
    assert f"> {layered_head.NOTE}" in text


def test_the_licence_is_the_one_of_the_base_models_own_card(tmp_path: Path) -> None:
    assert base_card.read(None) == BaseCard(name=EMBEDDED, license="apache-2.0", languages=("en",))
    folder = tmp_path / "mine"
    folder.mkdir()
    assert base_card.read(str(folder)) == BaseCard(name="mine")
    for text in ("no front", "---\nlicense: [a, b]\n---\n", "---\n: {\n---\n", "---\n- list\n---\n"):
        (folder / "README.md").write_text(text)
        assert base_card.read(str(folder)) == BaseCard(name="mine")
    (folder / "README.md").write_text("---\nlicense: mit\nlanguage: [de, nl]\n---\n# Mine")
    assert base_card.read(str(folder)) == BaseCard(name="mine", license="mit", languages=("de", "nl"))


def test_an_export_has_it_with_what_was_found_later_at_its_end(tmp_path: Path) -> None:

    folder = tiny_bert(tmp_path / "base")

    text = model_card.write(manifest(), report.build(findings()), KNOWN)
    written = checkpoint.write(
        tmp_path / "v", AutoModel.from_pretrained(folder), None, manifest(), {"README.md": text, "report.md": "# old"}
    )
    checkpoint.read(written.folder)
    assert (checkpoint.export(written, tmp_path / "a") / "README.md").read_text("utf-8") == text
    later = checkpoint.export(written, tmp_path / "b", "## Found later\n\nnothing\n")
    assert (later / "README.md").read_text("utf-8") == f"{text}\n## Found later\n\nnothing\n"
    assert ModelCard.load(later / "README.md").data.license == "apache-2.0"
