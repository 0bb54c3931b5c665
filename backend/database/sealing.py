"""The encrypted columns: brought up to date at each start, which also finds out whether the key is the right one."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from labelwheel.backend.database.keyring import PREFIX, Keyring, WrongKey, sealed_in
from labelwheel.backend.errors import InvalidSettings

SECRET = "secret"  # noqa: S105  (the option's name: connectors of earlier versions kept a webhook's secret there)
LOST = "its key was encrypted with a key that is lost: connect it again"

_PROJECTS = sa.table(
    "projects",
    sa.column("id", sa.Integer()), sa.column("api_key", sa.Text()), sa.column("options", sa.JSON()),
    sa.column("state", sa.String()), sa.column("problem", sa.Text()),
)  # fmt: skip


def seal(connection: Connection, keys: Keyring | None) -> int:
    """Encrypts what is plain, and what an older key encrypted, with the first key; returns how many rows changed.

    Raises InvalidSettings where there is no key though one is needed, and WrongKey.
    """
    changed = 0
    for number, api_key, options in _rows(connection):
        if keys is None:
            raise InvalidSettings(
                "the database holds keys of labelling tools that have to be encrypted first, and there is no key to "
                "do it with: start it with `labelwheel serve`, which makes one"
            )
        values = {"api_key": _current(keys, api_key), "options": _options(keys, options)}
        if values != {"api_key": api_key, "options": options}:
            connection.execute(_PROJECTS.update().where(_PROJECTS.c.id == number).values(**values))
            changed += 1
    return changed


def sealed(connection: Connection) -> bool:
    """Whether anything in the database needs the key; False also where there are no tables yet."""
    if not sa.inspect(connection).has_table("projects"):
        return False
    return any(
        api_key.startswith(PREFIX) or any(sealed_in(each) for each in options.values())
        for _, api_key, options in _rows(connection)
    )


def forget(connection: Connection, keys: Keyring) -> list[int]:
    """Gives up what cannot be decrypted any more: those projects have to be connected again. Returns their ids."""
    lost = []
    for number, api_key, options in _rows(connection):
        try:
            for each in (api_key, *filter(None, map(sealed_in, options.values()))):
                if each.startswith(PREFIX):
                    keys.open(each)
        except WrongKey:
            lost.append(number)
            left = {name: value for name, value in options.items() if sealed_in(value) is None}
            values = {"api_key": keys.seal(""), "options": left}
            connection.execute(_PROJECTS.update().where(_PROJECTS.c.id == number).values(**values))
            open_ = sa.and_(_PROJECTS.c.id == number, _PROJECTS.c.state != "disconnected")
            connection.execute(_PROJECTS.update().where(open_).values(state="failed", problem=LOST))
    return lost


def _rows(connection: Connection) -> list[tuple[int, str, dict[str, Any]]]:
    rows = connection.execute(sa.select(_PROJECTS.c.id, _PROJECTS.c.api_key, _PROJECTS.c.options))
    return [(row.id, row.api_key, row.options or {}) for row in rows]


def _current(keys: Keyring, text: str) -> str:
    if not text.startswith(PREFIX):
        return keys.seal(text)
    return text if keys.fresh(text) else keys.seal(keys.open(text))


def _options(keys: Keyring, options: dict[str, Any]) -> dict[str, Any]:
    found = dict(options)
    if isinstance(found.get(SECRET), str):
        found[SECRET] = {"sealed": keys.seal(found[SECRET])}
    for name, value in found.items():
        inner = sealed_in(value)
        if inner is not None and not keys.fresh(inner):
            found[name] = {"sealed": keys.seal(keys.open(inner))}
    return found
