"""What visitors of a Space flagged: fetched from it, or read from its file; and told to it once they are labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from labelwheel.backend.errors import InvalidSettings, PushFailed
from labelwheel.plugins.errors import ToolError
from labelwheel.plugins.http import ToolSession

Flag = dict[str, Any]

_SECONDS = 60.0
_HOSTED = ".hf.space"


class RunningSpace:
    """A Space at an address; raises PushFailed. `token` is its FLAGS_TOKEN."""

    def __init__(self, url: str, token: SecretStr | None) -> None:
        if token is None:
            raise InvalidSettings("set LABELWHEEL_SPACE_TOKEN to what FLAGS_TOKEN is in the Space's settings")
        self._session = ToolSession("the Space", url, "token")
        self._headers = {"X-Flags-Token": token.get_secret_value()}
        if (urlsplit(url).hostname or "").endswith(_HOSTED):
            from huggingface_hub import get_token

            # a private Space asks whose visit it is before it is reached; to nobody else is this told
            if known := get_token():
                self._headers["Authorization"] = f"Bearer {known}"

    def flags(self) -> list[Flag]:
        """All that nobody has taken yet."""
        return _flags(self._call("GET", "/api/flags"), self._session.url)

    def take(self, names: Sequence[str]) -> None:
        """Has it forget those."""
        self._call("POST", "/api/flags/taken", json={"ids": list(names)})

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = self._session.call(method, path, _SECONDS, headers=self._headers, **arguments)
            if answer.status in (401, 403):
                raise PushFailed(
                    f"the Space at {self._session.url} does not know the token: set LABELWHEEL_SPACE_TOKEN to its "
                    "FLAGS_TOKEN, and HF_TOKEN where it is private"
                )
            if not answer.ok:
                raise PushFailed(
                    f"what answers at {self._session.url} ({answer.status}) is no Space of labelwheel, or it sleeps; "
                    "open it in a browser, then try again"
                )
            return self._session.json(answer)
        except ToolError as error:
            raise PushFailed(str(error)) from None


class FlagsFile:
    """The file that a Space keeps them in, `flags.jsonl`, where somebody has copied it; it is left as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def flags(self) -> list[Flag]:
        """All of them; what a kill left half-written at the end is passed over."""
        found = []
        for line in self._path.read_bytes().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return _flags({"flags": found}, str(self._path))

    def take(self, names: Sequence[str]) -> None:
        """Nothing: added once, they are known in the labelling tool."""


def _flags(said: Any, place: str) -> list[Flag]:
    flags = said.get("flags") if isinstance(said, dict) else None
    fields = {"id": str, "texts": list}
    if not isinstance(flags, list) or not all(
        isinstance(one, dict) and all(isinstance(one.get(name), kind) for name, kind in fields.items()) for one in flags
    ):
        raise PushFailed(f"{place} does not say what was flagged; is it a Space of labelwheel?")
    return flags
