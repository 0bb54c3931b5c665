"""Names that come from outside, as every database can keep them: no NUL, no lone surrogates, not too long."""

from __future__ import annotations

import hashlib

from labelwheel.plugins.connector import Page, Work

LENGTH = 255


def plain(name: str) -> str:
    """The name itself, where nothing is wrong with it; else one that is as distinct."""
    clean = name.replace("\0", "").encode("utf-8", "replace").decode()
    if clean == name and len(name) <= LENGTH:
        return name
    return f"{clean[: LENGTH - 17]}~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def plain_page(page: Page) -> Page:
    """A page with plain keys, annotators and versions."""
    return page.model_copy(
        update={
            "examples": tuple(
                example if plain(example.key) == example.key else example.model_copy(update={"key": plain(example.key)})
                for example in page.examples
            ),
            "work": tuple(_work(work) for work in page.work),
            "refreshed": tuple(map(plain, page.refreshed)),
            "gone": tuple(map(plain, page.gone)),
        }
    )


def _work(work: Work) -> Work:
    names = {"key": work.key, "example": work.example, "annotator": work.annotator, "version": work.version}
    changes = {field: plain(name) for field, name in names.items() if name is not None and plain(name) != name}
    return work.model_copy(update=changes) if changes else work
