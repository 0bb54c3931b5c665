"""One file per kind of question, which says everything about it. Nobody else tells kinds apart: they ask `kind_of`."""

from labelwheel.training.kinds.registry import kind_of, kinds, names, register, unregister

__all__ = ["kind_of", "kinds", "names", "register", "unregister"]
