"""The processes of a job that help the first one: they wait for an order, obey, and wait again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, NoReturn

from labelwheel.training import memory
from labelwheel.training.ranks import blueprint
from labelwheel.training.ranks.group import Group, Order
from labelwheel.training.ranks.place import Place
from labelwheel.training.ranks.switchboard import BEGIN, OVER, Switchboard
from labelwheel.training.strategies import contrastive_loop, coursework, finetuning_loop

logger = logging.getLogger(__name__)


def follow(place: Place) -> NoReturn:
    """Until the first process says that it is over, or something fails that this one can tell it: exit code 0."""
    board = Switchboard(place)
    board.watch(OVER, lambda told: _end(0), lambda: _end(1, "torchrun is gone"))
    board.store.wait([BEGIN])
    group = None
    try:
        device = board.told(BEGIN)
        group = Group(place, board.store, device)
        logger.info("Process %d of %d helps to fine-tune", place.number + 1, place.total)
        while True:
            perform(group.receive(), group)
    except Exception as error:
        if board.told(OVER):  # the first process has hung up in the middle of an order, or has no other
            _end(0)
        logger.warning("Process %d of %d cannot go on", place.number + 1, place.total, exc_info=error)
        board.fail(error, memory.ran_out(error))
        _end(0, "it has said why")  # by 1 torchrun would end the first process before that has read it


def perform(order: Order, group: Group) -> None:
    """Takes part in what the first process does."""
    head, _ = order
    with group.training():
        _ORDERS[head["do"]](order, group)


def _exchange(order: Order, group: Group) -> None:
    group.exchange_seconds(order[0]["numbers"])


def _finetune(order: Order, group: Group) -> None:
    finetuning_loop.follow(order[0], coursework.to_problem(order), group)


def _contrast(order: Order, group: Group) -> None:
    head, _ = order
    model = blueprint.build(head["blueprint"], group.device)
    contrastive_loop.follow(model, coursework.to_classes(order), head["pad"], head["settings"], group)


_ORDERS: dict[str, Callable[[Order, Group], Any]] = {
    "exchange": _exchange, "finetune": _finetune, "contrast": _contrast,
}  # fmt: skip


def _end(code: int, why: str = "it is over") -> NoReturn:
    logger.info("This process ends: %s", why)
    logging.shutdown()
    os._exit(code)  # from whatever thread, and whatever the other one waits for
