"""A Hub in this process: speaks the protocol of the real one to huggingface_hub and datasets.

Two servers, as in life: the Hub's own, and the storage of large files on another origin, to which
addresses lead that need no token.
"""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import yaml
from hub_http import Handler, Server
from hub_state import LFS_SUFFIXES, HubError, State

_REPO = r"(?P<name>[^/]+/[^/]+)"
_DATE = "2026-01-01T00:00:00.000Z"


class _StorageHandler(Handler):
    ROUTES = (
        ("PUT", r"/object/(?P<oid>\w+)", "put"),
        ("GET HEAD", r"/object/(?P<oid>\w+)", "get"),
    )

    def _respond(self) -> None:
        if self.headers.get("Authorization"):
            self.server.hub.leaks.append(self.path)
        super()._respond()

    do_GET = do_HEAD = do_PUT = _respond

    def put(self, body: bytes, oid: str):
        self.server.hub.put(oid, body)
        return 200, b"", {}

    def get(self, body: bytes, oid: str):
        if oid not in self.server.hub.objects:
            raise HubError(404, "no such object")
        return 200, self.server.hub.objects[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"}


class _HubHandler(Handler):
    ROUTES = (
        ("GET", r"/api/whoami-v2", "whoami"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("POST", r"/api/repos/create", "create"),
        ("GET", rf"/api/datasets/{_REPO}", "info"),
        ("GET", rf"/api/datasets/{_REPO}/revision/(?P<revision>[^/]+)", "info"),
        ("GET", rf"/api/datasets/{_REPO}/tree/(?P<revision>[^/]+)(/(?P<path>.*))?", "tree"),
        ("POST", rf"/api/datasets/{_REPO}/paths-info/(?P<revision>[^/]+)", "paths_info"),
        ("POST", rf"/api/datasets/{_REPO}/preupload/main", "preupload"),
        ("POST", rf"/api/datasets/{_REPO}/commit/main", "commit"),
        ("POST", rf"/datasets/{_REPO}\.git/info/lfs/objects/batch", "batch"),
        ("POST", r"/lfs/verify", "verify"),
        ("GET HEAD", rf"/datasets/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "resolve"),
    )

    @property
    def account(self):
        return self.server.hub.account(self.headers.get("Authorization"))

    def _repository(self, name: str, write: bool = False):
        account = self.account
        found = self.server.hub.repository(name, account)
        if write and not (account and account.may_write(name.split("/")[0])):
            raise HubError(403 if account else 401, "You don't have the rights to do this")
        return found

    def whoami(self, body: bytes):
        if self.account is None:
            raise HubError(401, "Invalid username or password.")
        orgs = [{"type": "org", "name": name} for name in self.account.orgs]
        access = {"displayName": "tests", "role": self.account.role}
        return _json(
            type="user", name=self.account.name, orgs=orgs,
            auth={"type": "access_token", "accessToken": access},
        )  # fmt: skip

    def validate(self, body: bytes):
        content = json.loads(body)["content"]
        try:
            loaded = yaml.safe_load(content.split("---\n")[1])
            errors = [] if isinstance(loaded, dict) else [{"message": "must be a mapping"}]
        except (yaml.YAMLError, IndexError) as error:
            errors = [{"message": f"{type(error).__name__}"}]
        return _json(400 if errors else 200, errors=errors, warnings=[])

    def create(self, body: bytes):
        asked, hub = json.loads(body), self.server.hub
        account = self.account
        if account is None:
            raise HubError(401, "Invalid username or password.")
        name = f"{asked.get('organization') or account.name}/{asked['name']}"
        if not account.may_write(name.split("/")[0]):
            raise HubError(403, f"You don't have the rights to create a dataset in {name}")
        url = f"{hub.endpoint}/datasets/{name}"
        with hub.lock:
            if name in hub.repositories:
                return _json(409, error="You already created this dataset repo", url=url)
            hub.create(name, asked.get("visibility") == "private" or asked.get("private") is True)
        return _json(url=url, name=name)

    def info(self, body: bytes, name: str, revision: str = "main"):
        repository = self._repository(name)
        sha, files = repository.at(revision)
        return _json(
            _id="0" * 24, id=name, author=name.split("/")[0], sha=sha, lastModified=_DATE,
            createdAt=_DATE, private=repository.private, gated=False, disabled=False, likes=0,
            downloads=0, tags=[], siblings=[{"rfilename": path} for path in sorted(files)],
        )  # fmt: skip

    def tree(self, body: bytes, name: str, revision: str, path: str | None = None):
        _, files = self._repository(name).at(revision)
        below = f"{path.strip('/')}/" if path else ""
        query = parse_qs(urlsplit(self.path).query)
        deep = query.get("recursive", ["false"])[0].lower() in ("true", "1")
        found = {}
        for file, content in sorted(files.items()):
            parts = file[len(below) :].split("/") if file.startswith(below) else []
            for depth in range(1, len(parts)):
                folder = below + "/".join(parts[:depth])
                if deep or depth == 1:
                    found[folder] = {"type": "directory", "oid": "0", "size": 0, "path": folder}
            if parts and (deep or len(parts) == 1):
                found[file] = _described(file, content)
        if below and not found:
            raise HubError(404, f"{path} does not exist on {revision}", "EntryNotFound")
        return 200, json.dumps(list(found.values())).encode(), {"Content-Type": "application/json"}

    def paths_info(self, body: bytes, name: str, revision: str):
        _, files = self._repository(name).at(revision)
        text = body.decode()
        asked = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text)["paths"]
        found = []
        for path in [asked] if isinstance(asked, str) else asked:
            if path in files:
                found.append(_described(path, files[path]))
            elif any(file.startswith(f"{path}/") for file in files):
                found.append({"type": "directory", "oid": "0", "size": 0, "path": path})
        return 200, json.dumps(found).encode(), {"Content-Type": "application/json"}

    def preupload(self, body: bytes, name: str):
        _, files = self._repository(name, write=True).at("main")
        answers = []
        for file in json.loads(body)["files"]:
            there = files.get(file["path"])
            base64.b64decode(file["sample"], validate=True)
            answers.append(
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(LFS_SUFFIXES) else "regular",
                    "shouldIgnore": False,
                    "oid": there and (there.sha256 if there.lfs else there.oid),
                }
            )
        return _json(files=answers)

    def batch(self, body: bytes, name: str):
        self._repository(name, write=True)
        hub, objects = self.server.hub, []
        for asked in json.loads(body)["objects"]:
            answer = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in hub.objects:
                answer["actions"] = {
                    "upload": {"href": f"{hub.storage}/object/{asked['oid']}?signature=s3cret"},
                    "verify": {"href": f"{hub.endpoint}/lfs/verify"},
                }
            objects.append(answer)
        return _json(transfer="basic", objects=objects)

    def verify(self, body: bytes):
        asked = json.loads(body)
        content = self.server.hub.objects.get(asked["oid"])
        if content is None or len(content) != asked["size"]:
            raise HubError(400, "the object is not there")
        return _json(message="verified")

    def commit(self, body: bytes, name: str):
        repository = self._repository(name, write=True)
        sha = self.server.hub.apply(repository, [json.loads(line) for line in body.splitlines()])
        url = f"{self.server.hub.endpoint}/datasets/{name}/commit/{sha}"
        return _json(success=True, commitOid=sha, commitUrl=url, hookOutput="")

    def resolve(self, body: bytes, name: str, revision: str, path: str):
        sha, files = self._repository(name).at(revision)
        if path not in files:
            raise HubError(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": sha})
        found = files[path]
        headers = {"X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        if not found.lfs:
            return 200, found.content, headers | {"ETag": f'"{found.oid}"'}
        linked = {"X-Linked-Etag": f'"{found.sha256}"', "X-Linked-Size": str(len(found.content))}
        location = f"{self.server.hub.storage}/object/{found.sha256}?signature=s3cret"
        return 302, b"", headers | linked | {"ETag": f'"{found.oid}"', "Location": location}


def _json(status: int = 200, **values):
    return status, json.dumps(values).encode(), {"Content-Type": "application/json"}


def _described(path: str, found) -> dict:
    told = {"type": "file", "oid": found.oid, "size": len(found.content), "path": path}
    if found.lfs:
        size, pointer = len(found.content), len(found.pointer)
        told["lfs"] = {"oid": found.sha256, "size": size, "pointerSize": pointer}
    # What `expand` adds; nobody is kept from having it.
    commit = {"id": "0" * 40, "title": "a commit", "date": _DATE}
    return told | {"lastCommit": commit, "securityFileStatus": None}


class Hub(State):
    """A context manager; `endpoint` is what HF_ENDPOINT must be."""

    def __enter__(self):
        self._servers = [Server(self, handler) for handler in (_HubHandler, _StorageHandler)]
        self.endpoint, self.storage = (server.address for server in self._servers)
        return self

    def __exit__(self, *_):
        for server in self._servers:
            server.close()
