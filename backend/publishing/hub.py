"""A model hub with Hugging Face's API: a repository for each model, one commit and one tag for each version."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labelwheel.backend.errors import InvalidRequest, PushFailed
from labelwheel.backend.publishing import inventory as inventories
from labelwheel.backend.publishing.inventory import FILE, Inventory
from labelwheel.training.errors import LabelwheelError

_NAME = re.compile(r"(?:[\w.-]{1,96}/)?[\w.-]{1,96}", re.ASCII)
_MAIN = "main"
_AWAY = {"ConnectError", "ConnectTimeout", "ReadTimeout", "ProxyError"}
"""Errors of the HTTP library of huggingface_hub, which has changed it before."""
_GIVEN = {".gitattributes", "README.md"}
"""What a hub puts into a new repository itself."""


class Hub:
    """See `Destination`. Where the hub is, and who we are, `huggingface_hub` knows: HF_ENDPOINT, HF_TOKEN, a login."""

    def __init__(self, name: str, revision: str | None, public: bool) -> None:
        self._name, self._revision, self._public = name, revision, public
        self._place = f"hub:{name}" + (f"@{revision}" if revision else "")

    @classmethod
    def at(cls, rest: str, public: bool) -> Hub:
        """`NAME`, `OWNER/NAME`, or with `@VERSION` at its end; raises InvalidRequest."""
        name, at, revision = rest.partition("@")
        if not _NAME.fullmatch(name) or (at and not re.fullmatch(r"[\w./-]{1,200}", revision)):
            raise InvalidRequest(f"hub:{rest} is no name of a repository; give hub:NAME or hub:OWNER/NAME")
        return cls(name, revision or None, public)

    def push(self, folder: Path, inventory: Inventory) -> str:
        """One commit on the main branch, made where it stood when it was looked at, and the version as its tag."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

        if self._revision:
            raise InvalidRequest("a push names its version itself; leave what follows the @ away")
        with _answering(self._place):
            api = HfApi(library_name="labelwheel")
            name = api.create_repo(self._name, private=not self._public, exist_ok=True).repo_id
            place = f"hub:{name}@{inventory.version}"
            now = api.model_info(name, revision=_MAIN)
            there = {each.rfilename for each in now.siblings or ()}
            known = self._known(api, name, str(now.sha)) if FILE in there else None
            if known is None and there - _GIVEN:
                raise PushFailed(f"hub:{name} has files that labelwheel did not push; choose another name")
            commit = str(now.sha)
            if known != inventory:
                gone = (known.files.keys() if known else set()) - inventory.files.keys()
                added = {each: str(folder / each) for each in inventory.files} | {FILE: inventory.text}
                commit = api.create_commit(
                    name,
                    [
                        *(CommitOperationDelete(each) for each in sorted(gone & there)),
                        *(CommitOperationAdd(each, content) for each, content in added.items()),
                    ],
                    commit_message=f"{inventory.version}, by labelwheel",
                    revision=_MAIN,
                    parent_commit=commit,
                ).oid
            self._tag(api, name, inventory.version, commit)
        return place

    def pull(self, folder: Path) -> Inventory:
        """All files of one commit."""
        from huggingface_hub import HfApi

        with _answering(self._place):
            api = HfApi(library_name="labelwheel")
            now = api.model_info(self._name, revision=self._revision or _MAIN)
            if FILE not in {each.rfilename for each in now.siblings or ()}:
                raise PushFailed(f"{self._place} has no {FILE}: labelwheel did not push it; load it with transformers")
            known = self._known(api, self._name, str(now.sha))
            with _scratch(folder) as scratch:

                def get(name: str, target: Path) -> None:
                    found = api.hf_hub_download(self._name, name, revision=now.sha, local_dir=scratch)
                    Path(found).replace(target)

                inventories.receive(known, self._place, folder, get)
        return known

    def _known(self, api: Any, name: str, commit: str) -> Inventory:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="labelwheel-", ignore_cleanup_errors=True) as scratch:
            path = api.hf_hub_download(name, FILE, revision=commit, local_dir=scratch)
            return inventories.read(Path(path).read_bytes(), f"hub:{name}")

    def _tag(self, api: Any, name: str, version: str, commit: str) -> None:
        """The version's tag at a commit; what it stood at before was the same model with an older card."""
        known = {each.name: each.target_commit for each in api.list_repo_refs(name).tags}
        if known.get(version) == commit:
            return
        if version in known:
            api.delete_tag(name, tag=version)
        api.create_tag(name, tag=version, revision=commit)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """On the same disk as the folder, and gone afterwards: the hub's library leaves notes of its own there."""
    scratch = folder.with_name(f"{folder.name}.hub")
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _answering(place: str) -> Iterator[None]:
    """What the hub refuses, in a line; no token is among what it says."""
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()
    hub = constants.ENDPOINT
    try:
        yield
    except LabelwheelError:
        raise
    except (errors.LocalTokenNotFoundError, errors.OfflineModeIsEnabled, errors.HFValidationError) as error:
        raise PushFailed(f"{place}: {_line(error)}") from None
    except Exception as error:  # of the hub, of HTTP, of the disk; what came of weights is in another's cause
        causes = list(_causes(error))
        refused = next((one for one in causes if isinstance(one, errors.HfHubHTTPError)), None)
        if refused is not None:
            raise PushFailed(f"{place}: {_refusal(hub, refused)}") from None
        if any(type(one).__name__ in _AWAY for one in causes):
            raise PushFailed(
                f"no hub answers at {hub} ({_line(causes[-1])}); check the network, or HF_ENDPOINT, and try again"
            ) from None
        raise PushFailed(f"{place} failed ({_line(causes[-1])}); nothing of it counts, try again") from None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, what it came from, and so on."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _refusal(hub: str, error: Any) -> str:
    status, said = error.response.status_code, _line(error.server_message or error)
    if status == 401:
        return f"{hub} does not know the token: log in with `hf auth login`, or set HF_TOKEN to one that may write"
    if status == 403:
        return f"{hub} does not let this token do that: set HF_TOKEN to one that may write there ({said})"
    if status == 404:
        return f"{hub} has no such repository or version for this token; look at the name, or at HF_TOKEN"
    if status == 412 or status == 409:
        return f"somebody else has changed it at this moment ({said}); push again"
    if status in (402, 413, 507):
        return f"{hub} has no space for it ({said}); make room there, or push to another account"
    return f"{hub} answered {status} ({said}); nothing of it counts, try again"


def _line(error: object) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
