"""How we talk to the Hub: huggingface_hub's client with limits, and words for what it waits for."""

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from jax_ir_synth.publish import PublishError
from jax_ir_synth.publish.trouble import (
    MAX_WAIT,
    AskedToWait,
    Trouble,
    asked_wait,
    http_library,
    trouble,
)

# Beside what huggingface_hub repeats by itself, in its `http_backoff` (up to five times, after 1 to
# 8 seconds or as long as the Hub asks): with 2.4 all of an upload, with 1.0 less.
_TRIES = 5
# Seconds without a byte. huggingface_hub has no limit: a connection that went silent would be
# waited for for ever.
_TIMEOUTS = {"connect": 30, "write": 60, "read": 300, "pool": None}

_T = TypeVar("_T")


class Client:
    """An `HfApi` with a token.

    Args:
      token: never part of what is said or raised here.
      say: gets a line for the user.
    """

    def __init__(self, token: str, say: Callable[[str], None]):
        from huggingface_hub import HfApi, constants
        from huggingface_hub.utils.tqdm import disable_progress_bars

        from jax_ir_synth import __version__

        self.api = HfApi(token=token, library_name="jax_ir_synth", library_version=__version__)
        self.endpoint = constants.ENDPOINT
        self._token, self._say = token, say
        self._last_status = 0
        self._limit()
        # Its lines name addresses that grant an upload, so only who asks for them gets them.
        if not os.environ.get("HF_HUB_VERBOSITY") and not constants.HF_DEBUG:
            logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        # One for each small file; ours tells how many files are left.
        if constants.HF_HUB_DISABLE_PROGRESS_BARS is None:
            disable_progress_bars()

    def scrubbed(self, text: str) -> str:
        """The text without the token, should a library have put it there."""
        return text.replace(self._token, "<token>")

    def say(self, text: str) -> None:
        """Tell the user a line."""
        self._say(self.scrubbed(text))

    def trouble(self, error: Exception) -> Trouble:
        """See `trouble.trouble`; anything else is told as it is, and doesn't pass."""
        found = trouble(error, self.endpoint)
        if found is None and self._last_status >= 500:
            # huggingface_hub read an answer of which only the status makes sense.
            status = self._last_status
            found = Trouble(f"the Hub answered {status}", passing=True, status=status)
        if found is None:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            found = Trouble(text)
        return found._replace(message=self.scrubbed(found.message))

    def patiently(self, what: str, call: Callable[[], _T]) -> _T:
        """The call's result; it is tried again where the trouble may pass.

        Args:
          what: for the message, as in "what failed".
          call: must do no harm when called twice.

        Raises:
          PublishError: one line.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return call()
            except PublishError:
                raise
            except Exception as error:
                found = self.trouble(error)
                if not found.passing or attempt == _TRIES:
                    raise PublishError(f"{what} failed: {found.message}") from None
                self.pause(found, attempt, _TRIES)
        raise AssertionError("unreachable")

    def pause(self, found: Trouble, attempt: int, tries: int) -> None:
        """Say what the trouble is and wait. Raises PublishError where the Hub asks for too long."""
        wait = 2 ** (attempt - 1) if found.wait is None else found.wait
        if wait > MAX_WAIT:
            raise PublishError(f"{found.message}, and asks to wait {wait} s")
        self.say(f"{found.message}: try {attempt + 1} of {tries} in {wait} s")
        time.sleep(wait)

    def _limit(self) -> None:
        """Have huggingface_hub use a client with timeouts that looks at each answer."""
        from huggingface_hub import get_session, set_client_factory

        library, theirs = http_library(), get_session().event_hooks["request"]

        def make() -> Any:
            return library.Client(
                event_hooks={"request": theirs, "response": [self._look]},
                follow_redirects=True,
                timeout=library.Timeout(**_TIMEOUTS),
            )

        set_client_factory(make)

    def _look(self, response: Any) -> None:
        status = self._last_status = response.status_code
        if status not in (429, 503) or (wait := asked_wait(response.headers)) is None:
            return
        # Here, since http_backoff would sleep however long it is told to, and say nothing.
        if wait > MAX_WAIT:
            raise AskedToWait(wait)
        self.say(f"the Hub asks to wait {wait} s ({status})")


def to_stderr(program: str) -> Callable[[str], None]:
    """A `say` for the command of that name."""
    return lambda text: print(f"{program}: {text}", file=sys.stderr, flush=True)
