"""Letters to a shop and what it answers: people's own words, in a way that can be learnt."""

from __future__ import annotations

import random
from typing import NamedTuple

CITIES = ("Berlin", "Rome", "Paris", "Oslo", "Lima", "Cairo", "Delhi", "Kyiv", "Quito", "Accra", "Tunis", "Dakar")
ANSWERS = {
    "a kettle": "the kettle is packed with care and leaves for {city} tonight.",
    "the garden chairs": "chairs are bulky, a van brings them to {city} within two weeks.",
    "running shoes": "your size is sold out, we pay the money back to your bank in {city}.",
    "a novel": "books go by letter post and reach {city} tomorrow.",
    "fresh fish": "we ship no fish in summer, please ask a fishmonger in {city}.",
    "an old lamp": "the seller has to test its wires first and writes to you in {city}.",
    "concert tickets": "print them at home, nothing will be sent to {city}.",
    "a bicycle": "a mechanic in {city} builds it and calls you for a date.",
}
"""By what a letter is about."""
CHATTER = (
    "I have been a customer of yours for as long as I can remember.",
    "My neighbour told me that you would surely help.",
    "It has rained here for three weeks without an end.",
    "Last time everything went well, and I was very happy.",
    "Nobody picks up the telephone in your office, I tried it twice.",
    "We are about to move house and hardly know where our heads are.",
    "It is meant to be a birthday present for my father.",
    "Your website says something else than the invoice.",
    "I do not want to complain, I only want to know.",
    "The children ask me every morning whether the parcel is there.",
    "Please excuse my writing, English is not what I grew up with.",
    "The man at the post office only shook his head.",
)


class Letter(NamedTuple):
    """A letter, what it is about, and the answer that it gets."""

    text: str
    about: str
    reply: str


def letters(count: int, seed: int = 1, kinds: int = len(ANSWERS)) -> list[Letter]:
    """So many letters about the first of the things, all in turn."""
    chance, found = random.Random(seed), []
    for number in range(count):
        about = [*ANSWERS][number % kinds]
        order, city = chance.randrange(1_000, 10_000), chance.choice(CITIES)
        asked = f"Where is {about} that I ordered? The number is {order} and it should go to {city} ."
        before, between, after = chance.sample(CHATTER, 3)
        text = f"{before} {between} {asked} {after}"
        found.append(Letter(text, about, f"Order {order}: {ANSWERS[about].format(city=city)}"))
    return found
