"""Write the table of docs/settings.md from backend/settings.py: one place to change, one that people read."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydantic_core import PydanticUndefined

from labelwheel.backend.settings import Settings

PAGE = Path(__file__).parent / "settings.md"
BLOCK = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def table() -> str:
    """One row per setting, in the order of the class, which is the order in which people need them."""
    prefix = Settings.model_config.get("env_prefix", "")
    rows = ["| variable | default | what it is |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, PydanticUndefined) else f"`{field.default}`"
        rows.append(f"| `{prefix}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def replaced(text: str) -> str:
    """The page with a fresh table; raises LookupError if it has no place for one."""
    text, found = BLOCK.subn(lambda _: table(), text)
    if found != 1:
        raise LookupError("docs/settings.md needs exactly one <!-- settings --> … <!-- /settings -->")
    return text


if __name__ == "__main__":
    old = PAGE.read_text(encoding="utf-8")
    new = replaced(old)
    if new != old:
        PAGE.write_text(new, encoding="utf-8")
    sys.stdout.write("docs/settings.md is up to date\n" if new == old else "docs/settings.md is written\n")
