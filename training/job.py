"""`python -m training.job SPEC.json`: one training run as a process of its own, a spec in, a checkpoint out.

Exit codes: 0 done; 3 refused or impossible, with one line of JSON {"error", "message"} last on stderr; 143 cancelled by
SIGTERM; anything else is a fault of ours. The output is there whole, or not at all.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from pydantic import ValidationError

from training.errors import InvalidAnswer, InvalidJob, LabelwheelError
from training.spec import JobSpec, LabelledExample

logger = logging.getLogger(__name__)

REFUSED = 3
CANCELLED = 128 + signal.SIGTERM
_NICENESS = 10


def main(arguments: list[str] | None = None) -> int:
    """Run the job that a file describes; the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    if len(arguments) != 1:
        return _refuse(InvalidJob("usage: python -m training.job SPEC.json"))
    signal.signal(signal.SIGTERM, _cancel)
    try:
        spec = read_spec(Path(arguments[0]))
        prepare(spec)
        rows = read_rows(Path(spec.data), spec)
        result = _run(spec, rows)
    except LabelwheelError as error:
        return _refuse(error)
    logger.info("%s is ready, measured on %d examples", result, len(rows))
    return 0


def read_spec(path: Path) -> JobSpec:
    """The specification in a file; raises InvalidJob."""
    try:
        spec = JobSpec.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidJob(f"the specification {path} cannot be read: {error}") from error
    except ValidationError as error:
        raise InvalidJob(f"the specification {path} does not fit: {_first(error)}") from error
    if Path(spec.output).exists():
        raise InvalidJob(f"{spec.output} exists already; a version is never used twice, choose another one")
    return spec


def read_rows(path: Path, spec: JobSpec) -> list[LabelledExample]:
    """The labelled examples of a JSON lines file, with their answers in canonical form; raises InvalidJob."""
    rows: list[LabelledExample] = []
    seen: dict[str, int] = {}
    number = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                row = LabelledExample.model_validate_json(line)
                answer = spec.question.comparable(spec.question.check(row.answer, row.example), row.example)
                first = seen.setdefault(row.example.key, number)
                if first != number:
                    raise InvalidJob(f"{path}, line {number}: {row.example.key!r} stands on line {first} already")
                rows.append(row.model_copy(update={"answer": answer}))
    except OSError as error:
        raise InvalidJob(f"the labels {path} cannot be read: {error}") from error
    except ValidationError as error:
        raise InvalidJob(f"{path}, line {number}: {_first(error)}") from error
    except InvalidAnswer as error:
        raise InvalidJob(f"{path}, line {number}: {error}") from error
    return rows


def prepare(spec: JobSpec) -> None:
    """Settings of the process that have to stand before torch and transformers are imported."""
    with contextlib.suppress(OSError, AttributeError):
        priority = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, max(priority, _NICENESS))
    if spec.threads:
        os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(spec.threads)
    # the regressions are so small that NumPy's threads would only wait for each other (measured: 40 times as long
    # on two busy cores); torch has threads of its own
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if spec.base_model is None or Path(spec.base_model).is_dir():
        os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # transformers would ask the hub's service to convert weights
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.stderr.isatty():
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    # Trainer splits batches over all GPUs that it sees; a job gets one
    if spec.device != "cpu":
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        wanted = int(spec.device.partition(":")[2] or 0) if spec.device else 0
        visible = [name for name in seen.split(",") if name] or [str(index) for index in range(wanted + 1)]
        os.environ["CUDA_VISIBLE_DEVICES"] = visible[min(wanted, len(visible) - 1)]


def _run(spec: JobSpec, rows: list[LabelledExample]) -> str:
    import torch

    from training.candidates.finetuned import is_memory
    from training.errors import OutOfMemory
    from training.progress import Progress
    from training.run import Run

    if spec.threads:
        torch.set_num_threads(spec.threads)
    torch.manual_seed(spec.seed)
    if spec.device and spec.device.startswith("cuda"):
        if not torch.cuda.is_available():
            raise InvalidJob(f"there is no {spec.device} on this machine; leave the device out, or say cpu")
        spec = spec.model_copy(update={"device": "cuda"})
    try:
        return Run(spec, rows, Progress()).execute().version
    except Exception as error:
        if is_memory(error):
            raise OutOfMemory(f"memory ran out ({str(error).splitlines()[0]}); use a smaller base model") from error
        raise


def _cancel(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one does not wait for the tidying up
    raise SystemExit(CANCELLED)


def _refuse(error: LabelwheelError) -> int:
    sys.stderr.write(json.dumps({"error": type(error).__name__, "message": str(error)}, ensure_ascii=False) + "\n")
    return REFUSED


def _first(error: ValidationError) -> str:
    one = error.errors()[0]
    return f"{'.'.join(map(str, one['loc'])) or 'the row'}: {one['msg']}"


if __name__ == "__main__":
    sys.exit(main())
