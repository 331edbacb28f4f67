"""The token: in no output at any verbosity, in no file, and never sent to the storage."""

import pytest
from hub_state import Account, Fault

TOKEN = "hf_plantedTokenOfAlice0123456789"

CASES = {
    "all is well": [],
    "an upload that fails": [Fault("PUT /object", status=500)],
    "a commit that fails": [Fault("commit/main", status=500)],
    "an answer that repeats the token": [
        Fault("commit/main", status=400, body=f'{{"error": "bad {TOKEN}"}}'.encode())
    ],
    "a wrong token": [Fault("whoami", status=401)],
    "a Hub that is gone": [Fault(".", drop=0)],
}


@pytest.mark.parametrize("what", CASES)
@pytest.mark.parametrize("loud", [{}, {"HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug"}])
def test_it_is_never_shown_nor_written(hub, push, published, tmp_path, what, loud):
    hub.faults += CASES[what]
    done = push(**loud)
    assert (done.code == 0) == (what == "all is well")
    # What is loud tells of requests; else nothing would be shown here.
    assert ("Authorization" in done.err or "authenticated" in done.err) == bool(loud)
    assert TOKEN not in done.out + done.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not [path for path in written if TOKEN.encode() in path.read_bytes()]
    assert not [path for path, text in published.files.items() if TOKEN.encode() in text]
    assert hub.leaks == []


@pytest.mark.parametrize(
    "token", ["hf_planted\x01secret", "hf_planted\u00e9secret", "hf_pl secret"]
)
def test_one_that_no_header_takes_is_not_shown(hub, push, token):
    hub.accounts[token] = Account("alice")
    done = push(HF_TOKEN=token)
    assert done.code == 2 and "has letters that no token has" in done.err
    assert "secret" not in done.out + done.err and hub.requests == []
