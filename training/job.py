"""`python -m labelwheel.training.job SPEC.json …`: training as a process of its own, a spec in, a checkpoint out.

Exit codes: 0 done; 3 refused or impossible, with one line of JSON {"error", "message"} last on stderr; 143 cancelled by
SIGTERM; anything else is a fault of ours. The output is there whole, or not at all.

Several specs, in folders of their own or at URLs, are done one after the other. They share the start of the process and
the features of texts. One that fails leaves `failed.json` {"error", "message"}, and the next one is done; one whose URL
is gone when its turn comes was withdrawn.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from labelwheel.training import card_share, exchange, places
from labelwheel.training.errors import InvalidAnswer, InvalidJob, LabelwheelError
from labelwheel.training.progress import Listener
from labelwheel.training.questions import Question
from labelwheel.training.ranks import crew
from labelwheel.training.ranks import place as rank_place
from labelwheel.training.ranks.place import Place
from labelwheel.training.spec import JobSpec, LabelledExample
from labelwheel.training.spec_place import SpecPlace
from labelwheel.training.surroundings import prepare

if TYPE_CHECKING:  # NumPy is not imported before `prepare` has set its threads
    from labelwheel.training.shared_features import Embed, SharedFeatures

logger = logging.getLogger(__name__)

REFUSED = 3
CANCELLED = 128 + signal.SIGTERM
_FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG = "log"
"""What each of several specs says, beside it."""
FAILED = "failed.json"
"""What a spec that failed leaves while others of its job go on, beside it unless it says where."""


def main(arguments: list[str] | None = None) -> int:
    """Run the job that a file describes; the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(level=logging.INFO, format=_FORMAT, stream=sys.stderr)
    if not arguments:
        return _refuse(InvalidJob("usage: python -m labelwheel.training.job SPEC.json …"))
    try:
        place = rank_place.take()
    except LabelwheelError as error:
        return _refuse(error)
    if place is not None and place.number:
        return _help(place, arguments)
    signal.signal(signal.SIGTERM, _cancel)
    try:
        with crew.led(place):
            return _done(arguments)
    except crew.Broken as broken:
        return _refuse(broken.error)


def _help(place: Place, arguments: list[str]) -> int:
    """What the processes of a job do that are not its first: settings have to stand before torch is imported."""
    with tempfile.TemporaryDirectory(prefix="labelwheel-specs-", ignore_cleanup_errors=True) as scratch:
        for number, each in enumerate(arguments):
            found = SpecPlace(each, Path(scratch) / str(number))
            with contextlib.suppress(LabelwheelError, ValidationError, OSError):  # for the first process to say
                if found.fetch():
                    prepare(JobSpec.model_validate_json(found.path.read_bytes()), place.local)
                    break
    from labelwheel.training.ranks import follower

    follower.follow(place)


def _done(arguments: list[str]) -> int:
    if len(arguments) > 1 or places.is_url(arguments[0]):
        return _one_by_one(arguments)
    try:
        spec = read_spec(Path(arguments[0]))
        prepare(spec)
        with exchange.at_hand(spec) as near:
            rows = read_rows(Path(near.data), near.question)
            result = execute(near, rows)
    except LabelwheelError as error:
        return _refuse(error)
    logger.info("%s is ready, measured on %d examples", result, len(rows))
    return 0


def _one_by_one(arguments: list[str]) -> int:
    for each in arguments:
        if not places.is_url(each):
            Path(each).with_name(FAILED).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="labelwheel-specs-", ignore_cleanup_errors=True) as scratch:
        return _all([SpecPlace(each, Path(scratch) / str(number)) for number, each in enumerate(arguments)])


def _all(specs: list[SpecPlace]) -> int:
    """Every spec in its turn, whatever becomes of the others; the exit code, a fault's before a refusal's."""
    embed: SharedFeatures | None = None
    first: JobSpec | None = None
    code = 0
    for each in specs:
        path, place = each.path, str(each.path.with_name(FAILED))
        with _logged(path.with_name(LOG)):
            try:
                if not each.fetch():
                    continue
                spec = read_spec(path)
                first = first or spec
                if (spec.base_model, spec.device, spec.threads) != (first.base_model, first.device, first.threads):
                    raise InvalidJob("the specs of one job need the same base model, device and threads")
                place = spec.failure or place
                prepare(spec)
                with exchange.at_hand(spec) as near:
                    rows = read_rows(Path(near.data), near.question)
                    embed = embed or _features()
                    result = execute(near, rows, Listener.beside(path), embed)
                logger.info("%s is ready, measured on %d examples", result, len(rows))
            except LabelwheelError as error:
                logger.warning("%s: %s", path, error)
                code = code or REFUSED
                _note(place, error, str(error))
            except crew.Broken as broken:
                _note(place, broken.error, str(broken))
                raise
            except Exception as error:  # a fault is one question's alone
                logger.exception("%s failed", path)
                code = 1
                _note(place, error, traceback.format_exception_only(error)[-1].strip())
            if embed is not None:
                embed.forget_model()
            gc.collect()
    return code


def _features() -> SharedFeatures:
    from labelwheel.training.shared_features import SharedFeatures

    return SharedFeatures()


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """What is said meanwhile goes into a log of the question's own too."""
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:  # the spec is not there either, which is said in its turn
        yield
        return
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def _note(place: str, error: Exception, message: str) -> None:
    """Why there is no checkpoint; whole or not at all."""
    with contextlib.suppress(OSError, LabelwheelError):  # a full disk must not stop the next one
        places.write(place, _said(error, message).encode())


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


def read_rows(path: Path, question: Question) -> list[LabelledExample]:
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
                answer = question.comparable(question.check(row.answer, row.example), row.example)
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


def execute(
    spec: JobSpec, rows: list[LabelledExample], listener: Listener | None = None, embed: Embed | None = None
) -> str:
    """Train in this process; the version that is there now. Raises what `Run` does."""
    import torch

    from labelwheel.training import memory, unlabelled
    from labelwheel.training.errors import OutOfMemory
    from labelwheel.training.foreign import model as foreign_models
    from labelwheel.training.language import endpoint
    from labelwheel.training.model import default_device
    from labelwheel.training.progress import Progress
    from labelwheel.training.run import Run

    foreign_models.name(spec.foreign)
    endpoint.name(spec.language)
    more: dict[str, Any] = {} if embed is None else {"embed": embed}

    if spec.threads:
        torch.set_num_threads(spec.threads)
    torch.manual_seed(spec.seed)
    torch.set_float32_matmul_precision("high")  # a card's matrix units multiply float32 with ten bits less
    if spec.device and spec.device.startswith("cuda"):
        if not torch.cuda.is_available():
            raise InvalidJob(f"there is no {spec.device} on this machine; leave the device out, or say cpu")
        spec = spec.model_copy(update={"device": "cuda"})
    try:
        on_gpu = (spec.device or default_device()).startswith("cuda")
        with card_share.held_back(spec.shares_card and on_gpu):
            loose = unlabelled.read(spec.unlabelled)
            # accelerate looks for garbage after each training: a quarter of a second among all that torch has made
            gc.freeze()
            if spec.trial is not None:
                from labelwheel.training.tuning.trial import Trial

                Trial(spec, rows, Progress(listener), unlabelled=loose, **more).execute()
                return spec.version
            return Run(spec, rows, Progress(listener), unlabelled=loose, **more).execute().version
    except Exception as error:
        if memory.ran_out(error):
            raise OutOfMemory(f"memory ran out ({str(error).splitlines()[0]}); use a smaller base model") from error
        raise


def _cancel(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one does not wait for the tidying up
    if (error := crew.lost()) is not None:
        raise crew.Broken(error)
    raise SystemExit(CANCELLED)


def _refuse(error: LabelwheelError) -> int:
    sys.stderr.write(_said(error, str(error)) + "\n")
    return REFUSED


def _said(error: Exception, message: str) -> str:
    return json.dumps({"error": type(error).__name__, "message": message}, ensure_ascii=False)


def _first(error: ValidationError) -> str:
    one = error.errors()[0]
    return f"{'.'.join(map(str, one['loc'])) or 'the row'}: {one['msg']}"


if __name__ == "__main__":
    sys.exit(main())
