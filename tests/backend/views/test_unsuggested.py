"""What no model reads is told, with its key, until somebody has labelled it."""

from __future__ import annotations

from typing import Any

from labelwheel.backend.views import overview, unsuggested, wording
from labelwheel.backend.views.status import status
from tests.backend.world import World

MOST = 100


def read(world: World) -> dict[str, Any]:
    with world.database.session() as session:
        return unsuggested.read(session, 1, MOST)


def told(count: int = 0, *keys: str) -> dict[str, Any]:
    return {"count": count, "keys": list(keys)}


def test_what_has_no_text_and_what_is_too_long_is_counted_until_it_is_labelled(world: World) -> None:
    long, limit, escaped, empty, blank = world.tool.add(
        "é" * (MOST + 1), "x" * MOST, "é" * MOST, "", " \n\t"
    )  # in JSON an é has six characters
    many = world.tool.add(*(f"{number} " + "word " * MOST for number in range(4)))
    world.tool.add("...", "!")
    world.connect()
    world.settle()
    assert read(world) == {
        "most": MOST, "too_long": told(5, long, *many[:2]), "without_text": told(2, empty, blank),
    }  # fmt: skip
    assert {limit, escaped}.isdisjoint(read(world)["too_long"]["keys"])
    world.tool.submit(long, {"topic": "sport"})
    world.tool.submit(blank, {"topic": "sport"})
    for key in many[1:]:
        world.tool.submit(key, {"topic": "sport"})
    world.settle()
    assert read(world) == {"most": MOST, "too_long": told(1, many[0]), "without_text": told(1, empty)}


def test_status_and_overview_say_so(world: World) -> None:
    world.settings = world.settings.model_copy(update={"max_characters": MOST})
    world.start()
    (long,) = world.tool.add("x" * (MOST + 1))
    world.tool.add("a text")
    world.connect()
    world.settle()
    with world.database.session() as session:
        (project,) = status(session, world.settings)["projects"]
        (card,) = overview.overview(session, world.settings)["projects"]
    said = f"no suggestion: 1 example is longer than 100 characters (LABELWHEEL_MAX_CHARACTERS) ({long})"
    assert wording.unsuggested(project["unsuggested"]) == said
    assert card["notes"] == [said]
    assert card["problems"] == []


def test_how_it_is_said() -> None:
    nothing = {"most": 20_000, "too_long": told(), "without_text": told()}
    assert wording.unsuggested(nothing) is None
    both = {**nothing, "too_long": told(4, "a", "b", "c"), "without_text": told(1, "d")}
    assert wording.unsuggested(both) == (
        "no suggestion: 4 examples are longer than 20,000 characters (LABELWHEEL_MAX_CHARACTERS) (a, b, c, …); "
        "1 example is without a text (d)"
    )
