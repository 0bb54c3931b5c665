"""Which dataset is meant, and what is said where there is none, or none any more."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from labelwheel.plugins.argilla.client import Client, Missing
from labelwheel.plugins.argilla.dataset import Dataset

SPACES = {"s1": "mails", "s2": "demo"}


class Server(Client):
    """Workspaces with datasets: `there` has name and workspace by id."""

    def __init__(self, there: dict[str, tuple[str, str]]) -> None:
        super().__init__("http://tool.test", SecretStr("key"))
        self.there = there

    def ask(self, method: str, path: str, *, attempts: int | None = None, **arguments: Any) -> Any:
        if path == "/me/workspaces":
            return {"items": [{"id": key, "name": name} for key, name in SPACES.items()]}
        if path == "/me/datasets":
            return {"items": [{"id": key, "name": n, "workspace_id": s} for key, (n, s) in self.there.items()]}
        if (key := path.removeprefix("/datasets/")) in self.there:
            return {"id": key, "name": self.there[key][0], "last_activity_at": "now"}
        raise Missing(f"Argilla has nothing at {path}")


def test_one_that_is_only_in_another_workspace_is_named_with_it() -> None:
    """It said that there is no "reviews", and that there are: reviews."""
    server = Server({"d1": ("reviews", "s1"), "d2": ("tickets", "s2")})
    with pytest.raises(Missing) as raised:
        _ = Dataset(server, "demo/reviews").id
    said = str(raised.value)
    assert "has no dataset 'reviews' in workspace 'demo'" in said
    assert said.endswith("there are: mails/reviews, demo/tickets")
    with pytest.raises(Missing, match=r"in any workspace that this key may see; there are: reviews, tickets$"):
        _ = Dataset(server, "review").id


def test_one_that_was_deleted_is_said_to_be_gone_each_time() -> None:
    """From the second call on it was said never to have been, and not that its labels are kept."""
    server = Server({"d1": ("reviews", "s1"), "d2": ("tickets", "s2")})
    connected = Dataset(server, "mails/reviews", "d1")
    assert connected.get()["id"] == "d1"
    del server.there["d1"]
    gone = r"has no dataset 'mails/reviews' any more; its labels are kept here\. .* or disconnect it$"
    for _ in range(3):
        with pytest.raises(Missing, match=gone):
            connected.get()
    server.there["d3"] = ("reviews", "s1")
    assert connected.get()["id"] == "d3", "one of the same name was made since"
