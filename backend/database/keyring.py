"""What the database keeps of other people's secrets is encrypted; the key lies outside of it.

The key is LABELWHEEL_SECRET_KEY, or a file in `home` that is made at the first start. Several keys may be set, with
commas between: the first one encrypts, all of them decrypt.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.settings import Settings

FILE = "secret.key"
PREFIX = "fernet:"
_SEALED = "sealed"
_INFO = b"labelwheel: secrets of labelling tools"


class WrongKey(InvalidSettings):
    """Something was encrypted with another key than the present one, or changed since."""


class Keyring:
    """Encrypts and decrypts texts. `keys` are long random texts, the one that encrypts first."""

    def __init__(self, keys: list[str]) -> None:
        self._first = Fernet(_derived(keys[0]))
        self._all = MultiFernet([Fernet(_derived(key)) for key in keys])

    def seal(self, text: str) -> str:
        """A text as the database keeps it."""
        return PREFIX + self._first.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again; raises WrongKey."""
        if not sealed.startswith(PREFIX):
            raise WrongKey("a secret in the database is not encrypted; start labelwheel anew, which encrypts it")
        try:
            return self._all.decrypt(sealed.removeprefix(PREFIX).encode()).decode()
        except InvalidToken:
            raise WrongKey(
                "the labelling tools' keys in the database were encrypted with another key than the present one: bring "
                f"that one back (LABELWHEEL_SECRET_KEY, or {FILE} in LABELWHEEL_HOME; with commas between, "
                "LABELWHEEL_SECRET_KEY takes the new one and the old ones), or run `labelwheel new-key` and connect "
                "each project again"
            ) from None

    def fresh(self, sealed: str) -> bool:
        """Whether the first key alone opens it."""
        try:
            self._first.decrypt(sealed.removeprefix(PREFIX).encode())
        except InvalidToken:
            return False
        return sealed.startswith(PREFIX)

    def seal_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What a connector wants to keep, as JSON: its SecretStr are encrypted."""
        return {
            name: {_SEALED: self.seal(value.get_secret_value())} if isinstance(value, SecretStr) else value
            for name, value in options.items()
        }

    def open_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What a connector kept, as it gave it; raises WrongKey."""
        return {
            name: value if (sealed := sealed_in(value)) is None else SecretStr(self.open(sealed))
            for name, value in options.items()
        }


def sealed_in(value: object) -> str | None:
    """The encrypted text of an option; None for an option that is no secret."""
    found = value.get(_SEALED) if isinstance(value, dict) and set(value) == {_SEALED} else None
    return found if isinstance(found, str) else None


def find(settings: Settings) -> Keyring | None:
    """The present keys; None where there are none yet. Raises InvalidSettings where the file cannot be read."""
    if settings.secret_key is not None:
        return Keyring([key.strip() for key in settings.secret_key.get_secret_value().split(",")])
    path = path_of(settings)
    try:
        text = path.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"the key in {path} cannot be read: {error}") from None
    if len(text) < 32:
        raise InvalidSettings(f"{path} holds no key: bring the right file back, or run `labelwheel new-key`")
    with contextlib.suppress(OSError):  # a mounted secret may be read-only
        path.chmod(0o600)
    return Keyring([text])


def load(settings: Settings) -> Keyring:
    """The present keys; raises InvalidSettings where there are none."""
    found = find(settings)
    if found is None:
        raise InvalidSettings(missing(settings))
    return found


def make(settings: Settings) -> Keyring:
    """The present keys, after making the file where there are none. Of two that do at once, one wins."""
    found = find(settings)
    if found is not None:
        return found
    path = path_of(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return load(settings)


def path_of(settings: Settings) -> Path:
    """Where the key's file is."""
    return settings.home.absolute() / FILE


def missing(settings: Settings) -> str:
    """What to do where the database needs a key that is not there."""
    return (
        f"the key that the database's secrets were encrypted with is missing: bring {path_of(settings)} back, or set "
        "LABELWHEEL_SECRET_KEY as it was (web and worker need the same one); where it is lost, run `labelwheel "
        "new-key` and connect each project again"
    )


def _derived(key: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(key.encode())
    return base64.urlsafe_b64encode(derived)
