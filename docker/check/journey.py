"""What a team does on its first day, over the wire between the containers. Runs inside the web container.

Logs in to Label Studio, makes a project and connects it, sees a suggestion on every task, labels some as a person
would, and waits until a checkpoint trained by the worker's container is served by the web container.
"""
# ruff: noqa: T201

import os
import subprocess
import sys
import time
from pathlib import Path

import requests

from demo.messages import LABEL_CONFIG, Gold, tasks
from testkit.annotator import Annotator

KEPT = Path(__file__).with_name("journey.token")  # Label Studio gives a personal token out once
STUDIO = "http://label-studio:8080"
TASKS = 120
LABELS = 48


class Studio:
    """Label Studio's API as the first account sees it."""

    def __init__(self):
        self.session = requests.Session()
        if not KEPT.exists():
            KEPT.touch(mode=0o600)
            KEPT.write_text(self._personal_token())
        self.token = KEPT.read_text()
        self.until = 0.0

    def api(self, method, path, **arguments):
        if time.monotonic() > self.until:  # an access token lives for five minutes
            answer = self.session.post(f"{STUDIO}/api/token/refresh/", json={"refresh": self.token}, timeout=30)
            answer.raise_for_status()
            self.session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
            self.until = time.monotonic() + 200
        answer = self.session.request(method, STUDIO + path, timeout=120, **arguments)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def versions(self, project):
        """Which version suggests what on each task, as the data manager lists them."""
        query = {"project": project, "page": 1, "page_size": 500, "fields": "all"}
        found = self.api("GET", "/api/tasks", params=query)["tasks"]
        return {task["id"]: {each["model_version"] for each in task["predictions"]} for task in found}

    @staticmethod
    def _personal_token():
        login = {"email": os.environ["LABEL_STUDIO_USERNAME"], "password": os.environ["LABEL_STUDIO_PASSWORD"]}
        with requests.Session() as browser:
            browser.get(f"{STUDIO}/user/login/", timeout=60)
            form = {**login, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            browser.post(f"{STUDIO}/user/login/", data=form, headers={"Referer": STUDIO}, timeout=60)
            headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": STUDIO}
            answer = browser.post(f"{STUDIO}/api/token/", headers=headers, timeout=60)
            answer.raise_for_status()
            return str(answer.json()["token"])


def until(what, condition, seconds):
    """Waits, and says how long it took; ends the check where it never comes."""
    start = time.monotonic()
    while not (found := condition()):
        if time.monotonic() - start > seconds:
            status()
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(1)
    print(f"{what}: {time.monotonic() - start:.0f} s", flush=True)
    return found


def status():
    subprocess.run(["labelwheel", "status"], check=False)


def answer(annotator):
    for _ in range(LABELS):
        annotator.turn()
    print(
        f"{LABELS} tasks labelled, {annotator.accepted_share('topic'):.0%} of the suggested topics were right",
        flush=True,
    )


def after_restart(annotator):
    turn = annotator.turn()
    if turn is None or turn.version is None:
        sys.exit("no suggestion after the restart")
    print(f"after the restart the next task shows a suggestion of {turn.version}")


def main(first_day, next_day):
    """Without an argument the first day, whose project is the next day's argument."""
    if len(sys.argv) > 1:
        next_day(sys.argv[1])
    else:
        print(f"project={first_day()}")


def first_day():
    studio = Studio()
    project = studio.api("POST", "/api/projects/", json={"title": "check", "label_config": LABEL_CONFIG})["id"]
    studio.api("POST", f"/api/projects/{project}/import", json=[{"data": task} for task in tasks()[:TASKS]])
    connect = ["labelwheel", "connect", "label-studio", "--url", STUDIO, "--project", str(project)]
    if subprocess.run([*connect, "--api-key", studio.token], check=False).returncode:
        sys.exit("labelwheel connect failed")
    until(
        f"suggestions on all {TASKS} tasks before the first label",
        lambda: len(found := studio.versions(project)) == TASKS and all(found.values()),
        300,
    )
    before = studio.api("GET", f"/api/projects/{project}/")["model_version"]
    annotator = Annotator(studio.api, project, Gold())
    answer(annotator)
    after = until(
        "a checkpoint trained, gated, promoted and announced",
        lambda: (now := studio.api("GET", f"/api/projects/{project}/")["model_version"]) != before and now,
        1800,  # the job is a polite one: on a busy machine it gets what others leave
    )
    turn = annotator.turn()
    if turn is None or turn.version == before:
        sys.exit(f"the next task shows {turn and turn.version}, though {after} is announced")
    print(f"the next task shows a suggestion of {turn.version}, and no more of {before}")
    status()
    return project


def next_day(project):
    """After a restart of everything: state is where it was."""
    studio = Studio()
    after_restart(Annotator(studio.api, int(project), Gold()))


if __name__ == "__main__":
    main(first_day, next_day)
