"""A model hub in memory, as far as `huggingface_hub` asks one: repositories, commits, tags, LFS, downloads.

    with Hub() as hub:
        environment = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_writer", "HF_HUB_DISABLE_XET": "1"}

`full` answers uploads of weights as a hub that has no space left, `cut` takes half of one and hangs up.
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from flask import Flask, Response, abort, request

from testkit.wsgi_server import serving

_LARGE = 100_000
TOKENS = {"hf_writer": ("team", True), "hf_reader": ("guest", False)}


@dataclass
class Repository:
    """`commits` are trees by their hash, in order: each file's content by its path."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, tree: dict[str, bytes]) -> str:
        said = json.dumps([len(self.commits), *((name, oid(tree[name])) for name in sorted(tree))])
        name = hashlib.sha1(said.encode()).hexdigest()
        self.commits[name] = tree
        return name

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    def find(self, revision: str) -> str:
        found = self.head if revision == "main" else self.tags.get(revision, revision)
        if found not in self.commits:
            refuse(404, "RevisionNotFound")
        return found


class Hub:
    """Up for a `with` block, at `url`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.full = self.cut = False
        self.calls: list[str] = []
        self._up = ExitStack()

    def __enter__(self) -> Self:
        self.url = self._up.enter_context(serving(self._app()))
        return self

    def __exit__(self, *_: object) -> None:
        self._up.close()

    def _app(self) -> Flask:
        app = Flask("hub")
        models = "/api/models/<owner>/<name>"
        app.before_request(self._look)
        app.add_url_rule("/api/repos/create", view_func=self._create, methods=["POST"])
        app.add_url_rule("/api/validate-yaml", view_func=lambda: {"errors": [], "warnings": []}, methods=["POST"])
        app.add_url_rule(models, view_func=self._info)
        app.add_url_rule(f"{models}/revision/<path:revision>", view_func=self._info, endpoint="revision")
        app.add_url_rule(f"{models}/tree/<revision>", view_func=self._tree)
        app.add_url_rule(f"{models}/refs", view_func=self._refs)
        app.add_url_rule(f"{models}/tag/<revision>", view_func=self._tag, methods=["POST", "DELETE"])
        app.add_url_rule(f"{models}/preupload/<revision>", view_func=self._preupload, methods=["POST"])
        app.add_url_rule(f"{models}/commit/<revision>", view_func=self._commit, methods=["POST"])
        app.add_url_rule("/<owner>/<name>.git/info/lfs/objects/batch", view_func=self._batch, methods=["POST"])
        app.add_url_rule("/lfs/<digest>", view_func=self._put, methods=["PUT"])
        app.add_url_rule("/<owner>/<name>/resolve/<revision>/<path:file>", view_func=self._resolve)
        return app

    def _look(self) -> None:
        self.calls.append(f"{request.method} {request.path}")

    def _who(self, writes: bool = False) -> str:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in TOKENS:
            refuse(401, "", "Invalid credentials in Authorization header")
        name, may = TOKENS[token]
        if writes and not may:
            refuse(403, "", "you must have write access")
        return name

    def _find(self, owner: str, name: str, writes: bool = False) -> Repository:
        who = self._who(writes)
        found = self.repositories.get(f"{owner}/{name}")
        if found is None or (found.private and owner != who):
            refuse(404, "RepoNotFound")
        return found

    def _create(self) -> Any:
        who, asked = self._who(writes=True), request.get_json()
        name = f"{asked.get('organization') or who}/{asked['name']}"
        url = {"url": f"{self.url}/{name}", "id": name}
        if name in self.repositories:
            return url, 409
        self.repositories[name] = Repository(asked.get("visibility") == "private" or bool(asked.get("private")))
        self.repositories[name].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        return url

    def _info(self, owner: str, name: str, revision: str = "main") -> Any:
        found = self._find(owner, name)
        sha = found.find(revision)
        siblings = [{"rfilename": each} for each in found.commits[sha]]
        return {"id": f"{owner}/{name}", "sha": sha, "private": found.private, "siblings": siblings}

    def _tree(self, owner: str, name: str, revision: str) -> Any:
        found = self._find(owner, name)
        tree = found.commits[found.find(revision)]
        return [{"type": "file", "path": each, "size": len(tree[each]), "oid": oid(tree[each])} for each in tree]

    def _refs(self, owner: str, name: str) -> Any:
        found = self._find(owner, name)
        tags = [{"name": one, "ref": f"refs/tags/{one}", "targetCommit": at} for one, at in found.tags.items()]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": found.head}
        return {"branches": [main], "converts": [], "tags": tags}

    def _tag(self, owner: str, name: str, revision: str) -> Any:
        found = self._find(owner, name, writes=True)
        if request.method == "DELETE":
            del found.tags[revision]
        elif request.get_json()["tag"] in found.tags:
            refuse(409, "", "the tag exists")
        else:
            found.tags[request.get_json()["tag"]] = found.find(revision)
        return {}

    def _preupload(self, owner: str, name: str, revision: str) -> Any:
        tree = self._find(owner, name, writes=True)
        tree_now = tree.commits[tree.find(revision)]
        return {
            "files": [
                {
                    "path": each["path"], "uploadMode": "lfs" if each["size"] > _LARGE else "regular",
                    "shouldIgnore": False, "oid": oid(tree_now[each["path"]]) if each["path"] in tree_now else None,
                }
                for each in request.get_json()["files"]
            ]
        }  # fmt: skip

    def _batch(self, owner: str, name: str) -> Any:
        self._find(owner, name, writes=True)
        objects = []
        for each in request.get_json(force=True)["objects"]:
            upload = {"href": f"{self.url}/lfs/{each['oid']}"}
            objects.append(each | ({} if each["oid"] in self.large else {"actions": {"upload": upload}}))
        return {"transfer": "basic", "objects": objects}

    def _put(self, digest: str) -> Any:
        if self.full:
            refuse(507, "", "the storage of team is full")
        if self.cut:
            request.stream.read((request.content_length or 0) // 2)
            request.environ["werkzeug.socket"].close()
            abort(500)
        content = request.get_data()
        if hashlib.sha256(content).hexdigest() != digest:
            refuse(400, "", "not what was announced")
        self.large[digest] = content
        return ""

    def _commit(self, owner: str, name: str, revision: str) -> Any:
        found = self._find(owner, name, writes=True)
        tree = dict(found.commits[found.find(revision)])
        for line in request.get_data().splitlines():
            one = json.loads(line)
            told = one["value"]
            if one["key"] == "header" and told.get("parentCommit", found.head) != found.head:
                refuse(412, "", "A commit has happened since")
            elif one["key"] == "file":
                tree[told["path"]] = base64.b64decode(told["content"])
            elif one["key"] == "lfsFile":
                tree[told["path"]] = self.large[told["oid"]]
            elif one["key"] == "deletedFile":
                del tree[told["path"]]
        made = found.commit(tree)
        return {"commitUrl": f"{self.url}/{owner}/{name}/commit/{made}", "commitOid": made, "success": True}

    def _resolve(self, owner: str, name: str, revision: str, file: str) -> Any:
        found = self._find(owner, name)
        at = found.find(revision)
        if file not in found.commits[at]:
            refuse(404, "EntryNotFound")
        content = found.commits[at][file]
        answer = Response(content, mimetype="application/octet-stream")
        answer.headers["X-Repo-Commit"] = at
        answer.set_etag(hashlib.sha256(content).hexdigest() if len(content) > _LARGE else oid(content))
        return answer


def oid(content: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def refuse(status: int, code: str, message: str = "") -> Any:
    headers = {"X-Error-Code": code} if code else {}
    abort(Response(json.dumps({"error": message}), status, headers | {"X-Error-Message": message}))
