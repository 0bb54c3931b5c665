"""A bridge as `labelwheel.training.foreign.process` describes one: FILE says in JSON what goes wrong where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def misbehave(how: str) -> None:
    if how == "raise":
        raise ValueError("not today")
    if how == "exit":
        sys.exit(5)
    if how == "_exit":
        os._exit(6)
    if how == "abort":
        os.abort()
    if how == "hang":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        time.sleep(600)
    if how == "eat":
        eaten = []
        while True:
            eaten.append(bytearray(20_000_000))
            time.sleep(0.02)
    if how == "print":
        for number in range(20_000):
            print(f"{number} " + "x" * 200)


def main(path: str, _: str, descriptor: str) -> None:
    answers = os.fdopen(int(descriptor), "w")
    wishes: dict[str, str] = json.loads(Path(path).read_text())
    seen: dict[str, Any] = {}
    memory = Path(os.environ["MODEL_DIR"]) / "memory.json"
    for line in sys.stdin:
        body = json.loads(line)
        do, said = body["do"], dict[str, Any]()
        if do == "predict" and any("poison" in one["fields"]["text"] for one in body["examples"]):
            os._exit(9)
        try:
            if "until" not in wishes or not Path(wishes["until"]).exists():
                misbehave(wishes.get(do, ""))
            if do == "learn":
                seen = {row["example"]["fields"]["text"].split()[0]: row["answer"] for row in body["rows"]}
                memory.write_text(json.dumps({"words": seen, "environment": sorted(os.environ)}))
            if do == "predict":
                words = json.loads(memory.read_text())["words"]
                firsts = [one["fields"]["text"].split()[0] for one in body["examples"]]
                said["answers"] = [{"answer": words.get(first), "score": None} for first in firsts]
                if wishes.get("predict") == "few":
                    said["answers"].pop()
                if wishes.get("predict") == "wild":
                    said["answers"] = [{"answer": "a label of its own", "score": float("nan")}] * len(firsts)
        except ValueError as error:
            said = {"error": f"ValueError: {error}"}
        if wishes.get(do) == "babble":
            answers.write("no JSON\n")
        else:
            answers.write(json.dumps({"error": None, **said}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
