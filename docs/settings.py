"""Write the README's table of settings from backend/settings.py: one place to change, one that people read."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydantic_core import PydanticUndefined

from backend.settings import Settings

README = Path(__file__).parent.parent / "README.md"
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
    """The README with a fresh table; raises LookupError if it has no place for one."""
    text, found = BLOCK.subn(lambda _: table(), text)
    if found != 1:
        raise LookupError("README.md needs exactly one <!-- settings --> … <!-- /settings -->")
    return text


if __name__ == "__main__":
    old = README.read_text(encoding="utf-8")
    new = replaced(old)
    if new != old:
        README.write_text(new, encoding="utf-8")
    sys.stdout.write("README.md: settings are up to date\n" if new == old else "README.md: settings written\n")
