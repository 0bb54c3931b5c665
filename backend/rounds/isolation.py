"""Isolation: what goes wrong with one round is that round's alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from labelwheel.backend.database.lease import LeaseLost
from labelwheel.backend.database.tables import Round
from labelwheel.backend.errors import Conflict
from labelwheel.backend.trouble import Trouble, fleeting, line

log = logging.getLogger(__name__)

_PATIENCE = 5


class Isolation:
    """Runs the steps of rounds. Where one raises, its round fails with the reason, by `fail`, and the others go on.

    A database that does not answer is no round's fault: the step is tried again a few times, ever more seldom.
    """

    def __init__(self, fail: Callable[[Round, str], object]) -> None:
        self._fail = fail
        self._troubles: dict[int, Trouble] = {}

    def run(self, step: Callable[[Round], bool], found: Round) -> bool:
        """True where something was done. Raises LeaseLost alone."""
        trouble = self._troubles.setdefault(found.id, Trouble(log, f"round {found.id}"))
        if trouble.pause:
            return False
        try:
            done = step(found)
        except LeaseLost:
            raise
        except Conflict as error:
            log.info("round %s was left alone: %s", found.id, error)
            return False
        except Exception as error:
            trouble.note(error)
            if fleeting(error) and trouble.failures < _PATIENCE:
                return False
            return self._give_up(found, error, trouble)
        trouble.over()
        return done

    def waits(self, found: Round) -> bool:
        """Whether a round is left in peace for a while, after its last step has failed."""
        return found.id in self._troubles and self._troubles[found.id].pause > 0

    def keep(self, numbers: Collection[int]) -> None:
        """Forgets all rounds but these."""
        self._troubles = {number: each for number, each in self._troubles.items() if number in numbers}

    def _give_up(self, found: Round, error: Exception, trouble: Trouble) -> bool:
        try:
            self._fail(found, line(error))
        except LeaseLost:
            raise
        except Conflict:
            return False  # it has ended before: what is left to do for it is tried again in silence
        except Exception as other:
            trouble.note(other)
            return False
        return True
