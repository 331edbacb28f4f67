"""What the tests' Hub holds: accounts, repositories with all their revisions, objects, faults."""

import dataclasses
import hashlib
import re
import threading
from collections.abc import Callable
from typing import NamedTuple

# Written by the Hub itself into every new repository.
GITATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
LFS_SUFFIXES = (".parquet", ".png")


class HubError(Exception):
    """An answer other than success: status, message, and the Hub's own code for the case."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str):
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Message": message} | headers
        if code:
            self.headers["X-Error-Code"] = code


class Account(NamedTuple):
    """Who a token belongs to."""

    name: str
    orgs: tuple[str, ...] = ()
    role: str = "write"

    def may_write(self, namespace: str) -> bool:
        return self.role != "read" and namespace in (self.name, *self.orgs)


class Blob(NamedTuple):
    """A file in a revision; `lfs` says that its content is one of the objects."""

    sha256: str
    content: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        """As git has it: of the content, or of the pointer that stands for it."""
        text = self.pointer if self.lfs else self.content
        return hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest()

    @property
    def pointer(self) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\n"
            f"size {len(self.content)}\n"
        ).encode()


def blob(content: bytes, lfs: bool = False) -> Blob:
    return Blob(hashlib.sha256(content).hexdigest(), content, lfs)


@dataclasses.dataclass
class Repository:
    """A dataset repository: its revisions in order, each all files by their paths."""

    private: bool
    revisions: dict[str, dict[str, Blob]] = dataclasses.field(default_factory=dict)

    def commit(self, files: dict[str, Blob]) -> str:
        """Adds a revision, and returns its hash."""
        told = "".join(f"{path}\0{found.oid}\n" for path, found in sorted(files.items()))
        sha = hashlib.sha1(f"{len(self.revisions)}\0{told}".encode()).hexdigest()
        self.revisions[sha] = dict(files)
        return sha

    @property
    def head(self) -> str:
        return list(self.revisions)[-1]

    @property
    def files(self) -> dict[str, bytes]:
        """The published files: path to content."""
        return {path: found.content for path, found in self.revisions[self.head].items()}

    def at(self, revision: str) -> tuple[str, dict[str, Blob]]:
        """A revision's hash and files, by its hash or the branch's name."""
        sha = self.head if revision == "main" else revision
        if sha not in self.revisions:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return sha, self.revisions[sha]


@dataclasses.dataclass
class Fault:
    """What goes wrong at requests whose `METHOD path` the pattern is found in.

    Attributes:
      times: how often, after `skip` of them went well.
      status: answered so, if not 0, with `headers` and `body`.
      drop: else the connection is cut after so many bytes of the request's body.
      lose_answer: else the request is done, and the connection cut before the answer.
      before: called first; may wait.
    """

    pattern: str
    times: int = 10**9
    skip: int = 0
    status: int = 0
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b'{"error": "injected"}'
    drop: int | None = None
    lose_answer: bool = False
    before: Callable[[], None] | None = None
    seen: int = 0
    done: int = 0


class State:
    """All of the Hub; shared by its threads."""

    def __init__(self):
        self.lock = threading.RLock()
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        # `METHOD path` of each request, and the objects that were put, in order.
        self.requests: list[str] = []
        self.puts: list[str] = []
        # The path of each request to the storage that came with a token: it isn't the Hub's.
        self.leaks: list[str] = []

    def fault_for(self, request: str) -> Fault | None:
        """The first fault whose turn it is."""
        with self.lock:
            for fault in self.faults:
                if re.search(fault.pattern, request):
                    fault.seen += 1
                    if fault.skip < fault.seen <= fault.skip + fault.times:
                        fault.done += 1
                        return fault
        return None

    def account(self, authorization: str | None) -> Account | None:
        """Of the token; None without one. A wrong one is 401, whatever it is for."""
        if not authorization:
            return None
        account = self.accounts.get(authorization.removeprefix("Bearer "))
        if account is None:
            raise HubError(401, "Invalid credentials in Authorization header")
        return account

    def repository(self, name: str, account: Account | None) -> Repository:
        """A repository that the account may see."""
        found = self.repositories.get(name)
        hidden = found is not None and found.private
        if found is None or (hidden and not (account and account.may_write(name.split("/")[0]))):
            raise HubError(404 if account else 401, "Repository not found", "RepoNotFound")
        return found

    def create(self, name: str, private: bool = False) -> Repository:
        """A new repository with its first revision."""
        made = self.repositories[name] = Repository(private)
        made.commit({".gitattributes": blob(GITATTRIBUTES)})
        return made

    def put(self, oid: str, content: bytes) -> None:
        """Store an object; it must be what its name says."""
        if hashlib.sha256(content).hexdigest() != oid:
            raise HubError(400, "the object's SHA-256 is another")
        with self.lock:
            self.objects[oid] = content
            self.puts.append(oid)

    def apply(self, repository: Repository, lines: list[dict]) -> str:
        """Make a commit of NDJSON lines: all of it or, on an error, nothing."""
        import base64

        with self.lock:
            header, files = lines[0]["value"], dict(repository.at("main")[1])
            if header.get("parentCommit") not in (None, repository.head):
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            for line in lines[1:]:
                kind, value = line["key"], line["value"]
                path = value["path"]
                if kind == "file":
                    files[path] = blob(base64.b64decode(value["content"]))
                elif kind == "lfsFile":
                    if value["oid"] not in self.objects:
                        raise HubError(400, f"LFS pointer of {path} points to no object")
                    files[path] = blob(self.objects[value["oid"]], lfs=True)
                elif kind == "deletedFile":
                    if files.pop(path, None) is None:
                        raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
                else:
                    raise HubError(400, f"unknown operation {kind}")
            return repository.commit(files)
