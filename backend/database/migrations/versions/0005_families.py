"""Near-duplicates by families: representatives with small bands instead of a signature for every text.

Every text keeps its side. A text is known by its exact name from now on, digits and all; groups that have become too
large to be copies of one text become groups of one text each, on the side where they are.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FAMILY, _FAMILY_SHARE, _REPRESENTATIVES, _CROWD = 10, 0.05, 16, 16
_BANDS, _KEY_BYTES, _CHUNK = 10, 16, 1000
_APOSTROPHES = "'’ʼ`"
_NUMBER = re.compile(r"(?:(?<![^\W_])[-−–](?=\d))?\d(?:[-–.,:/]?\d)*")


def upgrade() -> None:
    """The new tables, filled from the old ones."""
    connection = op.get_bind()
    for name in ("texts", "changes"):
        op.add_column("projects", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    _create()
    connection.execute(sa.text("UPDATE examples SET digest = substr(digest, 1, 32)"))
    tables = sa.MetaData()
    tables.reflect(connection, only=["projects", "questions", "examples", "placed", *_NEW])
    for pool in _pools(connection, tables):
        _Pool(connection, tables, pool).write()
    op.drop_index("bands_by_value", table_name="bands")
    op.drop_table("bands")
    op.drop_table("placed")


_NEW = ("placed_texts", "families", "representatives", "representative_bands")


def _create() -> None:
    project = ("project_id", sa.Integer())
    op.create_table(
        "placed_texts",
        sa.Column(*project, nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("group_key", sa.String(length=64), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "families",
        sa.Column(*project, nullable=False),
        sa.Column("group_key", sa.String(length=64), nullable=False),
        sa.Column("texts", sa.Integer(), nullable=False),
        sa.Column("representatives", sa.Integer(), nullable=False),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "group_key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "representatives",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(*project, nullable=False),
        sa.Column("group_key", sa.String(length=64), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("representatives_by_project", "representatives", ["project_id", "id"], unique=False)
    op.create_table(
        "representative_bands",
        sa.Column(*project, nullable=False),
        sa.Column("value", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("representative_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "value", "representative_id"),
        sqlite_with_rowid=False,
    )


def _pools(connection: sa.Connection, tables: sa.MetaData) -> list[int]:
    projects = tables.tables["projects"]
    own = sa.func.coalesce(projects.c.pool_id, projects.c.id)
    return list(connection.scalars(sa.select(own).distinct().order_by(own)))


class _Pool:
    """One split: the old places of all texts, and the new ones."""

    def __init__(self, connection: sa.Connection, tables: sa.MetaData, pool: int) -> None:
        self._connection, self._pool = connection, pool
        self._tables = tables.tables
        projects = self._tables["projects"]
        query = sa.select(projects.c.id).where(sa.or_(projects.c.id == pool, projects.c.pool_id == pool))
        self._members = list(connection.scalars(query))
        old = self._tables["placed"]
        query = sa.select(old.c.key, old.c.group_key, old.c.part).where(old.c.project_id == pool)
        self._loose = {key: (group, part) for key, group, part in connection.execute(query)}
        self._texts: dict[str, tuple[str, str]] = {}
        self._groups: dict[str, set[str]] = defaultdict(set)

    def write(self) -> None:
        """Every table of the split, and the groups of the examples."""
        for _, _, texts in self._examples():
            for text in texts:
                loose, key = _key(_normalise(text)), _key("exact\0" + _exact(text))
                if loose in self._loose:
                    self._texts[key] = self._loose[loose]
                    self._groups[self._loose[loose][0]].add(key)
        # texts that no example has any more are known by their representative alone
        most = max(_FAMILY, _FAMILY_SHARE * len(self._texts))
        cut = {group for group, keys in self._groups.items() if len(keys) > most}
        self._texts = {key: (key if group in cut else group, part) for key, (group, part) in self._texts.items()}
        rows = ({"key": key, "group_key": group, "part": part} for key, (group, part) in self._texts.items())
        self._insert("placed_texts", rows)
        self._name(cut)
        standing = self._represent()
        families = (
            {"group_key": group, "texts": len(keys), "representatives": standing[group], "cut": group in cut}
            for group, keys in self._groups.items()
            if len(keys) > 1 or standing[group] > 1
        )
        self._insert("families", families)
        projects = self._tables["projects"]
        update = projects.update().where(projects.c.id == self._pool)
        self._connection.execute(update.values(texts=len(self._texts)))

    def _examples(self) -> Iterator[tuple[int, str, list[str]]]:
        """The number and the group of each example, and its texts: the whole one, and what shared questions read."""
        examples, questions = self._tables["examples"], self._tables["questions"]
        for member in self._members:
            shared = len(self._members) > 1
            query = sa.select(questions.c.spec).where(questions.c.project_id == member)
            specs = [_json(spec) for spec in self._connection.scalars(query)] if shared else []
            query = sa.select(examples.c.id, examples.c.group_key, examples.c.fields)
            rows = self._connection.execute(query.where(examples.c.project_id == member).order_by(examples.c.id))
            for number, group, fields in rows.yield_per(_CHUNK):
                fields = _json(fields)
                whole = "\n".join(fields[name] for name in sorted(fields))
                read = ("\n".join(filter(None, (fields.get(name, "") for name in spec["inputs"]))) for spec in specs)
                yield number, group, list(dict.fromkeys((whole, *filter(None, read))))

    def _name(self, cut: set[str]) -> None:
        """What was in a group that is cut is a group of its own."""
        if not cut:
            return
        examples = self._tables["examples"]
        update = examples.update().where(examples.c.id == sa.bindparam("number"))
        changed = [
            {"number": number, "group_key": _key("exact\0" + _exact(texts[0]))}
            for number, group, texts in self._examples()
            if group in cut
        ]
        for chunk in _chunks(changed):
            self._connection.execute(update.values(group_key=sa.bindparam("group_key")), chunk)

    def _represent(self) -> dict[str, int]:
        """The first texts of each group stand for it; returns how many do."""
        old, table = self._tables["placed"], self._tables["representatives"]
        last = self._connection.scalar(sa.select(sa.func.max(table.c.id))) or 0
        standing: dict[str, int] = defaultdict(int)
        crowds: dict[int, int] = defaultdict(int)
        rows, bands = list[dict[str, Any]](), list[dict[str, Any]]()
        query = sa.select(old.c.group_key, old.c.part, old.c.signature).where(old.c.project_id == self._pool)
        for group, part, signature in self._connection.execute(query.order_by(old.c.id)):
            if standing[group] >= _REPRESENTATIVES:
                continue
            standing[group] += 1
            values = bytes(signature)[_KEY_BYTES:]
            last += 1
            rows.append({"id": last, "group_key": group, "part": part, "sketch": values[::4]})
            for band in sorted(set(_bands(values))):
                if crowds[band] < _CROWD:
                    crowds[band] += 1
                    bands.append({"value": band, "representative_id": last})
        self._insert("representatives", rows)
        self._insert("representative_bands", bands)
        if rows and self._connection.dialect.name == "postgresql":
            sequence = sa.text("SELECT setval(pg_get_serial_sequence('representatives', 'id'), :last)")
            self._connection.execute(sequence, {"last": last})
        return standing

    def _insert(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        for chunk in _chunks([{**row, "project_id": self._pool} for row in rows]):
            self._connection.execute(self._tables[table].insert(), chunk)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _chunks(rows: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def _bands(values: bytes) -> list[int]:
    chunks = (values[16 * index : 16 * index + 16] for index in range(_BANDS))
    return [
        int.from_bytes(hashlib.blake2b(bytes([index]) + chunk, digest_size=4).digest(), "big", signed=True)
        for index, chunk in enumerate(chunks)
    ]


# What follows is labelwheel.training.evaluation.splits as it is today: a migration must not change with it.


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_KEY_BYTES].hex()


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _normalise(text: str) -> str:
    folded = _fold(text)
    return " ".join("".join(map(_plain, folded)).split()) or " ".join(folded.split())


def _exact(text: str) -> str:
    folded, pieces, end = _fold(text), [], 0
    for number in _NUMBER.finditer(folded):
        pieces += [*map(_plain, folded[end : number.start()]), number.group()]
        end = number.end()
    pieces += map(_plain, folded[end:])
    return " ".join("".join(pieces).split()) or " ".join(folded.split())


def _plain(character: str) -> str:
    if character in _APOSTROPHES:
        return ""
    category = unicodedata.category(character)
    if category[0] == "P":
        return " "
    return "0" if category == "Nd" else character


def downgrade() -> None:
    """There is no way back: the signatures are gone."""
    raise NotImplementedError("this migration cannot be undone; restore the backup from before it")
