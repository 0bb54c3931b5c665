"""Reading in bulk where one item makes the tool itself fail: halved until what is to blame stands alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from labelwheel.plugins.errors import ToolFailed

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")


def halved(
    keys: Sequence[_Key], read: Callable[[Sequence[_Key]], Sequence[_Row]]
) -> tuple[list[_Row], dict[_Key, ToolFailed]]:
    """What `read` gives of all keys, in order, and those of which it gives nothing but ToolFailed even alone.

    Other errors are raised: they say that the tool is away, and nothing of an item.
    """
    if not keys:
        return [], {}
    try:
        return list(read(keys)), {}
    except ToolFailed as error:
        if len(keys) == 1:
            return [], {keys[0]: error}
    middle = len(keys) // 2
    rows, failed = halved(keys[:middle], read)
    more, others = halved(keys[middle:], read)
    return rows + more, failed | others
