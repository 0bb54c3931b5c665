"""An object store behind an fsspec URL: a folder for each version, whose inventory arrives last and goes first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from labelwheel.backend.errors import InvalidRequest, PushFailed
from labelwheel.backend.publishing import inventory as inventories
from labelwheel.backend.publishing.inventory import FILE, Inventory
from labelwheel.backend.publishing.patience import answered
from labelwheel.training import places
from labelwheel.training.errors import StoreUnreachable


class ObjectStore:
    """See `Destination`. A push goes to `URL/VERSION`; a pull takes that address."""

    def __init__(self, url: str) -> None:
        self._url = url

    @classmethod
    def at(cls, address: str) -> ObjectStore:
        """Raises InvalidRequest for a URL with a password in it, or with more than a path."""
        parts = urlsplit(address)
        if parts.password or parts.query or parts.fragment:
            raise InvalidRequest(
                "the URL of a store has no secret and no question mark in it: others would read it in the shell's "
                "history; set what its library reads, such as AWS_PROFILE, GOOGLE_APPLICATION_CREDENTIALS or "
                "AZURE_STORAGE_CONNECTION_STRING"
            )
        return cls(address.rstrip("/"))

    def push(self, folder: Path, inventory: Inventory) -> str:
        """What is there of an earlier push is not sent again. Raises PushFailed."""
        place = f"{self._url}/{inventory.version}"
        with _reaching(place):
            known = answered(place, lambda: self._known(place))
            if known == inventory:
                return place
            before = known.files if known else {}
            if known:
                places.remove(f"{place}/{FILE}")  # from here on it is none
            try:
                for name in before.keys() - inventory.files.keys():
                    places.remove(f"{place}/{name}")
                for name, content in inventory.files.items():
                    if before.get(name) != content:
                        self._send(folder / name, f"{place}/{name}")
                places.write(f"{place}/{FILE}", inventory.text)
            except BaseException:
                with contextlib.suppress(Exception):
                    places.remove(place)
                raise
        return place

    def pull(self, folder: Path) -> Inventory:
        """Raises PushFailed."""
        with _reaching(self._url):
            known = answered(self._url, lambda: self._known(self._url))
            if known is None:
                raise PushFailed(
                    f"no whole model is at {self._url}: give the address that `labelwheel push` printed, which ends "
                    "with the version, or push it again"
                )
            inventories.receive(known, self._url, folder, self._get)
        return known

    def _known(self, place: str) -> Inventory | None:
        try:
            return inventories.read(places.read(f"{place}/{FILE}"), place)
        except FileNotFoundError:
            return None

    def _send(self, file: Path, url: str) -> None:
        if url.startswith("file://"):
            with places.reached(url) as (system, path):
                system.makedirs(system._parent(path), exist_ok=True)  # the others have no folders
        places.send(file, url)

    def _get(self, name: str, target: Path) -> None:
        with places.reached(f"{self._url}/{name}") as (system, path):
            system.get_file(path, str(target))


@contextlib.contextmanager
def _reaching(place: str) -> Iterator[None]:
    bucket = "/".join(place.split("/", 3)[:3])
    try:
        yield
    except FileNotFoundError:
        raise PushFailed(f"there is no {bucket}, or it is not for these credentials; make it first") from None
    except StoreUnreachable as error:
        if isinstance(error.__cause__, PermissionError):
            raise PushFailed(
                f"{bucket} does not let these credentials in, or not write: {error.__cause__}; see which ones its "
                "library finds"
            ) from None
        raise PushFailed(str(error)) from None
