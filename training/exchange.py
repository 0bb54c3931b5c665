"""What a job takes from elsewhere and leaves there: data and champion before it begins, the checkpoint at its end."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

from labelwheel.training import places
from labelwheel.training.checkpoints.store import Store
from labelwheel.training.errors import InvalidCheckpoint, InvalidJob
from labelwheel.training.spec import JobSpec

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def at_hand(spec: JobSpec) -> Iterator[JobSpec]:
    """The specification with paths of this machine alone; what is at its output when the block ends is published.

    Raises InvalidJob where there is no data or the output exists, StoreUnreachable, StoreUnusable.
    """
    if not any(map(places.is_url, (spec.data, spec.unlabelled or "", spec.output, spec.champion or ""))):
        yield spec
        return
    with tempfile.TemporaryDirectory(prefix="labelwheel-job-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        store, name = Store.around(spec.output, scratch / "cache")
        with store.publish(name) as output:
            near = {
                "output": str(output),
                "data": _file(spec.data, scratch / "data.jsonl", "labels"),
                "unlabelled": spec.unlabelled and _file(spec.unlabelled, scratch / "unlabelled.jsonl", "other texts"),
                "champion": _champion(spec, scratch),
            }
            yield spec.model_copy(update=near)


def _file(place: str, path: Path, what: str) -> str:
    if not places.is_url(place):
        return place
    try:
        path.write_bytes(places.read(place))
    except FileNotFoundError as error:
        raise InvalidJob(f"the {what} {place} are not there; start the round anew") from error
    return str(path)


def _champion(spec: JobSpec, scratch: Path) -> str | None:
    if spec.champion is None or not places.is_url(spec.champion):
        return spec.champion
    store, name = Store.around(spec.champion, scratch / "cache")
    try:
        return str(store.fetch(name))
    except InvalidCheckpoint as error:
        # as on a disk, it is for the run to note that there is no champion to compare with
        logger.warning("The champion cannot be had: %s", error)
        return str(scratch / name)
