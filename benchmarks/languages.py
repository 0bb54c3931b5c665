"""Which languages are told of texts whose language is known: `python -m benchmarks.languages --data FOLDER`.

Sets in English must have none, however many texts are drawn. Beside them, for `--translations`, the folder of an
installed Django: the messages of its pages, which are short, in two to four languages at once, with a few in others.
"""

from __future__ import annotations

import argparse
import gettext
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import data_folder, jsonl, machine, save
from labelwheel.training.evaluation import languages

SETS = (
    "banking77",
    "btc",
    "clinc150",
    "goemotions",
    "ncbi_disease",
    "snips",
    "sst2",
    "trec6",
    "vader_tweets",
    "wnut17",
)
SIZES = (50, 200, 1000)
MIXES = (
    ("en", "de"), ("en", "es", "fr"), ("en", "de", "fr", "es"), ("es", "pt"), ("ru", "uk"), ("da", "sv"), ("en", "ja"),
    ("en", "nl", "de"),
)  # fmt: skip
OTHERS = ("it", "pl", "tr", "fi", "cs", "el", "ko", "hi", "ar", "vi")
EACH, STRAYS = 300, 3
_NO_WORDS = re.compile(r"%\(\w+\)[sdi]|%[sdi]|<[^>]+>|\{\w*\}")


def main() -> None:
    """Runs both, prints a line for each set and mix, and keeps the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--translations", type=Path, help="the folder of an installed Django")
    asked = parser.parse_args()
    record: dict[str, Any] = {"machine": machine(), "english": {}, "mixed": {}}
    for name in asked.sets:
        found = record["english"][name] = english(asked.data, name, asked.draws)
        print(name, found, flush=True)
    for mix in MIXES if asked.translations else ():
        for strays in (0, STRAYS):
            said = f"{' '.join(mix)}{' and others' if strays else ''}"
            print(said, record["mixed"].setdefault(said, mixed(asked.translations, mix, strays)), flush=True)
    print(f"raw numbers in {save('languages', record)}")


def english(data: str | None, name: str, draws: int) -> dict[str, Any]:
    """How often languages are told of so many texts of a set, and how long a text takes."""
    rows = jsonl(data_folder(data, name) / "test.jsonl")
    given = [row["text"] if "text" in row else " ".join(row["tokens"]) for row in rows]
    found: dict[str, Any] = {}
    for size in (each for each in SIZES if each <= len(given)):
        begun = time.perf_counter()
        told = [languages.of(random.Random(f"{name} {draw}").sample(given, size)) for draw in range(draws)]
        found[f"told of {size}"] = f"{sum(each is not None for each in told)} of {draws}"
        found["ms"] = round((time.perf_counter() - begun) / draws / size * 1e3, 3)
    return found


def mixed(place: Path, mix: Sequence[str], strays: int) -> dict[str, Any]:
    """Shares of texts of which nothing is known, and of the others that are wrong."""
    draw = random.Random(13)
    given = [(text, code) for code in mix for text in drawn(place, code, EACH, draw)]
    given += [(text, languages.OTHER) for code in OTHERS for text in drawn(place, code, strays, draw)]
    found = languages.of([text for text, _ in given])
    if found is None:
        return {"texts": len(given), "unknown": 1.0, "wrong": 0.0}
    known = [(said, code) for said, (_, code) in zip(found, given, strict=True) if said != languages.UNKNOWN]
    wrong = Counter(f"{code} as {said}" for said, code in known if said != code)
    return {
        "texts": len(given),
        "unknown": round(1 - len(known) / len(given), 3),
        "wrong": round(wrong.total() / len(known), 4),
        "taken": dict(wrong),
    }


def drawn(place: Path, code: str, count: int, draw: random.Random) -> list[str]:
    """Some messages in a language; English ones are those that another language has words for."""
    found = sorted(set(messages(place, code)))
    return draw.sample(found, min(count, len(found)))


def messages(place: Path, code: str) -> Iterator[str]:
    """All messages of ten letters or more, without what is filled in."""
    files = sorted(place.glob(f"**/locale/{'de' if code == 'en' else code}/LC_MESSAGES/django.mo"))
    for path in files:
        with path.open("rb") as file:
            catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for source, said in catalogue.items():
            text = _NO_WORDS.sub(" ", source if code == "en" else said) if isinstance(source, str) else ""
            if said != source and sum(map(str.isalpha, text)) >= languages.LETTERS:
                yield text


if __name__ == "__main__":
    main()
