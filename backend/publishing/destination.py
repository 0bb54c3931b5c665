"""The contract of a place that models are pushed to and pulled from, and which place an address means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from labelwheel.backend.errors import InvalidRequest
from labelwheel.backend.publishing.inventory import Inventory
from labelwheel.training import places


class Destination(Protocol):
    """One address. Both methods raise PushFailed in one line that says what to do next.

    Credentials are those that the provider's own library finds, as it does for everybody; none are given here.
    """

    def push(self, folder: Path, inventory: Inventory) -> str:
        """Puts a plain folder there, which is there whole or not at all; its address, as `pull` takes it.

        What is there already, and the same, is left as it is. `folder` has all files of the inventory, and it alone.
        """

    def pull(self, folder: Path) -> Inventory:
        """Fetches what is there into an empty folder, each file compared with its hash."""


def _hub(rest: str, public: bool, champion: bool) -> Destination:
    from labelwheel.backend.publishing.hub import Hub  # the libraries of each load when they are asked for

    return Hub.at(rest, public)


def _registry(rest: str, public: bool, champion: bool) -> Destination:
    from labelwheel.backend.publishing.model_registry import ModelRegistry

    return ModelRegistry.at(rest, champion)


_SCHEMES: Mapping[str, Callable[[str, bool, bool], Destination]] = {"hub": _hub, "mlflow": _registry}


def destination(address: str, public: bool = False, champion: bool = True) -> Destination:
    """The one that an address means; `public` is for a hub's repository that is yet to be made,
    `champion` for a registry, which has an alias for it.

    Raises InvalidRequest where none has such an address.
    """
    scheme, colon, rest = address.partition(":")
    if places.is_url(address):
        from labelwheel.backend.publishing.object_store import ObjectStore

        return ObjectStore.at(address)
    if not colon or scheme not in _SCHEMES or not rest:
        raise InvalidRequest(
            f"{address!r} is no place for a model: give {', '.join(f'{one}:NAME' for one in _SCHEMES)}, or the URL of "
            "an object store such as s3://BUCKET/FOLDER, gs://… or az://…"
        )
    return _SCHEMES[scheme](rest, public, champion)
