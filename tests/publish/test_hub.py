"""The tests' own Hub refuses what the real one does, or the other tests would prove little."""

import hashlib
import json
import urllib.error
import urllib.request

import pytest
from hub_state import HubError, blob

TOKEN = "hf_plantedTokenOfAlice0123456789"
API = "/api/datasets/alice/rows"


def _ask(hub, method, path, body=None, token=TOKEN, **headers):
    """Status, headers and body of an answer."""
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    address = path if path.startswith("http") else hub.endpoint + path
    request = urllib.request.Request(address, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def _commit(hub, *lines, parent=None):
    header = {"key": "header", "value": {"summary": "s", "parentCommit": parent}}
    body = b"".join(json.dumps(line).encode() + b"\n" for line in (header, *lines))
    return _ask(hub, "POST", f"{API}/commit/main", body)


def _line(key, **value):
    return {"key": key, "value": value}


def test_a_commit_is_made_whole_or_not_at_all(hub):
    repository = hub.create("alice/rows")
    head, oid = repository.head, hashlib.sha256(b"data").hexdigest()
    good = _line("file", path="a.txt", content="YQ==", encoding="base64")
    for wrong in (
        _line("lfsFile", path="b.parquet", oid=oid, size=4),
        _line("deletedFile", path="missing"),
        _line("moved", path="a.txt"),
    ):
        assert _commit(hub, good, wrong)[0] in (400, 404)
        assert repository.head == head
    assert _commit(hub, good, parent="0" * 40)[0] == 412
    hub.put(oid, b"data")
    assert (
        _commit(hub, good, _line("lfsFile", path="b.parquet", oid=oid, size=4), parent=head)[0]
        == 200
    )
    assert repository.files["a.txt"] == b"a" and repository.files["b.parquet"] == b"data"
    # What was published before is still there under its revision.
    assert "a.txt" not in repository.at(head)[1]


def test_accounts_may_do_what_is_theirs(hub):
    hub.create("alice/rows", private=True), hub.create("bob/rows")
    assert _ask(hub, "GET", "/api/whoami-v2", token=None)[0] == 401
    assert _ask(hub, "GET", "/api/whoami-v2", token="hf_wrong")[0] == 401
    assert _ask(hub, "GET", API, token=None)[0] == 401
    assert _ask(hub, "GET", API)[0] == 200
    assert _ask(hub, "POST", "/api/datasets/bob/rows/commit/main", b"{}")[0] == 403
    body = {"name": "x", "organization": "bob", "type": "dataset"}
    assert _ask(hub, "POST", "/api/repos/create", body)[0] == 403
    assert _ask(hub, "POST", "/api/repos/create", body | {"organization": "lab"})[0] == 200
    assert _ask(hub, "POST", "/api/repos/create", body | {"organization": "lab"})[0] == 409
    assert _ask(hub, "POST", "/api/validate-yaml", {"content": "---\na: [\n---\n"})[0] == 400


def test_what_is_not_there_is_said_in_the_hubs_words(hub):
    hub.create("alice/rows")
    for path, code in (
        ("/api/datasets/alice/none", "RepoNotFound"),
        (f"{API}/tree/main/none", "EntryNotFound"),
        (f"{API}/revision/none", "RevisionNotFound"),
        ("/datasets/alice/rows/resolve/main/none", "EntryNotFound"),
    ):
        status, headers, _ = _ask(hub, "GET", path)
        assert (status, headers["X-Error-Code"]) == (404, code)
    with pytest.raises(HubError):
        hub.put("0" * 64, b"something else")


def test_parts_of_large_and_small_files(hub):
    repository = hub.create("alice/rows")
    content = bytes(range(100))
    oid = hashlib.sha256(content).hexdigest()
    hub.put(oid, content)
    repository.commit({"a.parquet": blob(content, lfs=True), "a.txt": blob(content)})
    for name in ("a.parquet", "a.txt"):
        path = f"/datasets/alice/rows/resolve/main/{name}"
        status, headers, body = _ask(hub, "GET", path, token=None, Range="bytes=10-19")
        assert (status, body) == (206, content[10:20])
        assert headers["Content-Range"] == "bytes 10-19/100"
        assert _ask(hub, "GET", path, token=None, Range="bytes=90-")[2] == content[90:]
    assert _ask(hub, "GET", f"{hub.storage}/object/{oid}")[2] == content
    # Sent with a token: noticed.
    assert hub.leaks == [f"/object/{oid}"]
