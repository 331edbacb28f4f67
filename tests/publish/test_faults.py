"""What goes wrong between us and the Hub: what is told and published, what a second run does."""

import pytest
from hub_state import GITATTRIBUTES, LFS_SUFFIXES, Fault, blob
from reading_back import files_in

NAME = "alice/rows"
AGAIN = "what is published is as before; the same command sends what is missing"


def _later(seconds: int) -> dict:
    return {"status": 429, "headers": {"Retry-After": str(seconds)}}


# Each group is one push, where faults at the same request take turns; beside a fault what is waited
# for because of it. huggingface_hub itself adds a second where it is told how long.
PASSING = {
    "uploads": {
        "preupload answered 503": (Fault("preupload", 1, status=503), 1),
        "LFS batch answered 502": (Fault("batch", 1, status=502), 1),
        "an upload cut in the middle": (Fault("PUT /object", 1, drop=100), 1),
        "an upload answered 500, twice": (Fault("PUT /object", 2, status=500), 2),
        "an upload answered 429": (Fault("PUT /object", 1, **_later(7)), 7),
        "the upload's check answered 500": (Fault("/lfs/verify", 1, status=500), 1),
    },
    "looks": {
        "whoami answered 503": (Fault("whoami", 1, status=503), 1),
        "whoami answered 429 in the Hub's own words": (
            Fault("whoami", 1, status=429, headers={"RateLimit": '"api";r=0;t=55'}),
            55,
        ),
        "the look answered 429": (Fault("GET .*/tree/", 1, **_later(30)), 30),
        "the look cut": (Fault("GET /api/datasets/[^/]*/rows$", 1, drop=0), 1),
    },
    "commits": {
        "the card's check answered 502 as HTML": (
            Fault("validate-yaml", 1, status=502, body=b"<html>"),
            1,
        ),
        "the commit answered 500": (Fault("commit/main", 1, status=500), 2),
        "the commit answered 429": (Fault("commit/main", 1, **_later(20)), 20),
        "the connection cut before the commit": (Fault("commit/main", 1, drop=10), 8),
    },
    "a lost answer": {
        "the commit made, its answer lost": (Fault("commit/main", 1, lose_answer=True), 1),
    },
    "the last try": {
        "four commits answered 500": (Fault("commit/main", 4, status=500), 8),
        "the fifth made, its answer lost": (Fault("commit/main", 1, lose_answer=True), 8),
    },
}


@pytest.mark.parametrize("group", PASSING)
def test_what_passes_is_waited_for(hub, push, published, group):
    before = published.head
    hub.faults += [fault for fault, _ in PASSING[group].values()]
    done = push()
    assert done.code == 0, done.err
    for what, (fault, wait) in PASSING[group].items():
        assert fault.done == fault.times, what
        assert {wait, wait + 1} & set(done.waits), what
        if after := fault.headers.get("Retry-After"):
            assert f"the Hub asks to wait {after} s" in done.err
    # One commit, made once, of what was sent once.
    assert list(published.revisions)[-2:] == [before, published.head]
    assert len(hub.puts) == len(set(hub.puts)) == 2


LASTING = {
    "every upload cut in the middle": (Fault("PUT /object", drop=100), "the connection to", 0),
    "all uploads but the first cut": (
        Fault("PUT /object", skip=1, drop=100),
        "the connection to",
        1,
    ),
    "every upload answered 500": (Fault("PUT /object", status=500), "answered 500", 0),
    "every LFS batch answered 503": (Fault("batch", status=503), "answered 503", 0),
    "an upload told to wait for an hour": (
        Fault("PUT /object", 1, **_later(3600)),
        "asks to wait 3600 s",
        0,
    ),
    "a commit told to wait for an hour": (
        Fault("commit/main", 1, **_later(3600)),
        "asks to wait 3600 s",
        2,
    ),
    "every commit answered 500": (Fault("commit/main", status=500), "answered 500 (injected)", 2),
    "the commit answered 403": (Fault("commit/main", status=403), "answered 403 (injected)", 2),
    "the commit answered 401": (Fault("commit/main", status=401), "answered 401 (injected)", 2),
    "every connection cut before the commit": (
        Fault("commit/main", drop=10),
        "the connection to",
        2,
    ),
    "the card's check always 502": (
        Fault("validate", status=502, body=b"<html>"),
        "answered 502",
        2,
    ),
}


@pytest.mark.parametrize("what", LASTING)
def test_what_lasts_leaves_what_is_published_whole(hub, push, published, what):
    fault, told, uploads = LASTING[what]
    before, files = published.head, published.files
    hub.faults.append(fault)
    done = push()
    assert done.code == 1
    assert done.line.startswith(f"jax-ir-synth publish: {NAME} was not published: ")
    assert told in done.line and AGAIN in done.line
    assert fault.done > 0 and sum(done.waits) < 3600
    assert published.head == before and published.files == files
    # What was uploaded stays there, for a second push.
    assert len(hub.puts) == uploads and set(hub.puts) <= hub.objects.keys()


@pytest.mark.parametrize("uploads", [1, 2])
def test_a_second_push_sends_what_is_missing(hub, push, published, uploads):
    before = published.head
    where = "commit/main" if uploads == 2 else "PUT /object"
    hub.faults.append(Fault(where, skip=uploads % 2, status=403))
    assert push().code == 1 and len(hub.puts) == uploads
    hub.faults.clear()
    again = push()
    assert again.code == 0, again.err
    assert len(hub.puts) == len(set(hub.puts)) == 2
    assert list(published.revisions)[-2:] == [before, published.head]


def test_a_first_push_that_breaks_leaves_an_empty_repository(hub, push, made):
    hub.faults.append(Fault("PUT /object", skip=3, drop=0))
    done = push(folder=made.first)
    assert done.code == 1 and "the repository was created, and no row is published" in done.line
    assert list(hub.repositories[NAME].files) == [".gitattributes"] and len(hub.puts) == 3
    hub.faults.clear()
    again = push(folder=made.first)
    assert again.code == 0, again.err
    files = files_in(made.first)
    assert hub.repositories[NAME].files == files | {".gitattributes": GITATTRIBUTES}
    large = {path for path in files if path.endswith(LFS_SUFFIXES)}
    assert len(hub.puts) == len(set(hub.puts)) == len({files[path] for path in large})


def test_the_hub_gone_after_the_upload(hub, push, published):
    before = published.head

    def vanish():
        hub.faults.insert(0, Fault(".", drop=0))

    hub.faults.append(Fault("commit/main", before=vanish, drop=0))
    done = push()
    assert done.code == 1 and "the connection to" in done.line
    assert "at most the last step, the commit, was made" in done.line
    assert published.head == before and len(hub.puts) == 2


def test_somebody_else_pushes_meanwhile(hub, push, published):
    def theirs():
        published.commit(published.at("main")[1] | {"LICENSE": blob(b"theirs")})

    hub.faults.append(Fault("commit/main", 1, before=theirs))
    done = push()
    assert done.code == 0 and "answered 412" in done.err
    assert published.files["LICENSE"] == b"theirs"
    assert len(published.revisions) == 4


def test_requests_to_the_storage_never_carry_the_token(hub, push, published, load):
    assert push().code == 0
    load(NAME, "loop")
    assert any("/object/" in request for request in hub.requests) and hub.leaks == []
