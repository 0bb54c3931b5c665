"""Write the tables of settings into the pages that have one: one place to change, one that people read."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from labelwheel.backend.settings import Settings
from labelwheel.training.launchers.kubeflow.configuration import Configuration

HERE = Path(__file__).parent
PAGE = HERE / "settings.md"
PAGES: dict[Path, type[BaseSettings]] = {PAGE: Settings, HERE / "kubeflow.md": Configuration}
BLOCK = re.compile(r"(?<=<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def table(settings: type[BaseSettings] = Settings) -> str:
    """One row per setting, in the order of the class, which is the order in which people need them."""
    prefix = settings.model_config.get("env_prefix", "")
    rows = ["| variable | default | what it is |", "| --- | --- | --- |"]
    for name, field in settings.model_fields.items():
        default = "" if field.default in (None, PydanticUndefined, "", {}) else f"`{field.default}`"
        variable = field.validation_alias or f"{prefix}{name.upper()}"
        rows.append(f"| `{variable}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def replaced(text: str, settings: type[BaseSettings] = Settings) -> str:
    """The page with a fresh table; raises LookupError if it has no place for one."""
    text, found = BLOCK.subn(lambda _: table(settings), text)
    if found != 1:
        raise LookupError("a page of settings needs exactly one <!-- settings --> … <!-- /settings -->")
    return text


if __name__ == "__main__":
    for page, settings in PAGES.items():
        old = page.read_text(encoding="utf-8")
        new = replaced(old, settings)
        if new != old:
            page.write_text(new, encoding="utf-8")
        sys.stdout.write(f"docs/{page.name} is {'up to date' if new == old else 'written'}\n")
