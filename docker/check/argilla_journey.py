"""The first day with Argilla, over the wire between the containers. Runs inside the web container.

Makes a dataset and connects it, sees a suggestion on every record, answers some as a person would, and waits until a
checkpoint trained by the worker's container suggests.
"""

import json
import os
import subprocess
import sys

import requests
from journey import LABELS, TASKS, after_restart, answer, main, status, until

from demo.messages import ArgillaGold, argilla_questions, tasks
from testkit.argilla_annotator import ArgillaAnnotator
from testkit.argilla_api import ArgillaAPI, text_field

NAME = "check"


class Argilla(ArgillaAPI):
    """The server of another container: nothing to start, nothing to stop."""

    url = "http://argilla:6900"
    api_key = os.environ["ARGILLA_API_KEY"]

    def __init__(self):
        self._session = requests.Session()

    def start(self):
        raise NotImplementedError

    stop = start

    def tail(self, lines=60):
        return "see the log of the container argilla"

    def versions(self, dataset):
        """Which version suggests a topic for each record that waits."""
        waiting = (record for record in self.records(dataset) if record["status"] == "pending")
        return [{each["agent"] for each in record["suggestions"] or []} for record in waiting]


def first_day():
    argilla = Argilla()
    messages = [{"text": task["text"]} for task in tasks()[:TASKS]]
    dataset = argilla.create_dataset(NAME, [text_field()], argilla_questions(), messages)
    connect = ["labelwheel", "connect", "argilla", "--url", argilla.url, "--dataset", NAME]
    if subprocess.run([*connect, "--api-key", argilla.api_key], check=False).returncode:
        sys.exit("labelwheel connect failed")
    until(
        f"suggestions on all {TASKS} records before the first label",
        lambda: len(found := argilla.versions(dataset)) == TASKS and all(found),
        300,
    )
    [before] = set().union(*argilla.versions(dataset))
    annotator = ArgillaAnnotator(argilla.api, dataset, ArgillaGold())
    answer(annotator)
    until("a webhook arrived", lambda: state()["poll"]["hinted_at"], 60)
    until(
        "a checkpoint trained, gated, promoted and suggesting",
        lambda: set().union(*argilla.versions(dataset)) - {before},
        1800,  # the job is a polite one: on a busy machine it gets what others leave
    )
    status()
    return dataset


def next_day(dataset):
    """After a restart of everything: state is where it was."""
    argilla = Argilla()
    after_restart(ArgillaAnnotator(argilla.api, dataset, ArgillaGold()))
    until("its answer is in the ledger", lambda: state()["work"]["total"] == LABELS + 1, 120)


def state():
    """What `labelwheel status` says of the dataset."""
    told = subprocess.run(["labelwheel", "status", "--json"], check=True, capture_output=True, text=True).stdout
    return next(each for each in json.loads(told)["projects"] if each["external_id"] == NAME)


if __name__ == "__main__":
    main(first_day, next_day)
