"""Imports every module of ours once, as the image is built: a dependency that slim.sh took away is missed here.

What needs an extra says so, and is left for an image that has it.
"""

import importlib
import pkgutil
import sys

from labelwheel import backend, plugins, training
from labelwheel.training.errors import MissingExtra

for room in (training, plugins, backend):
    for each in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
        if "migrations" in each.name or each.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(each.name)
        except MissingExtra as error:
            sys.stdout.write(f"{each.name} is left out: {error}\n")
