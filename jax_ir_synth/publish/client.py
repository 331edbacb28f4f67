"""Talks to the Hub: huggingface_hub's client with time limits, which reports its waits."""

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

# In addition to huggingface_hub's own repetitions, in its `http_backoff` (up to five times, after 1
# to 8 seconds or as long as the Hub asks). Its 2.4 repeats all requests of an upload, 1.0 fewer.
_TRIES = 5
# Seconds without a byte. huggingface_hub has no limit, so it would wait forever for a silent
# connection.
_TIMEOUTS = {"connect": 30, "write": 60, "read": 300, "pool": None}

_T = TypeVar("_T")


class Client:
    """An `HfApi` with a token.

    Args:
      token: the user's token; no message or error contains it.
      say: called with each line for the user.
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
        # Its log has addresses that grant an upload, so it is shown only if the user asks for it.
        if not os.environ.get("HF_HUB_VERBOSITY") and not constants.HF_DEBUG:
            logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        # It would show a bar for each small file; this project's own bar counts the files.
        if constants.HF_HUB_DISABLE_PROGRESS_BARS is None:
            disable_progress_bars()

    def remove_token(self, text: str) -> str:
        """Remove the token from a text, in case a library has put it there."""
        return text.replace(self._token, "<token>")

    def say(self, text: str) -> None:
        """Show the user a line."""
        self._say(self.remove_token(text))

    def trouble(self, error: Exception) -> Trouble:
        """Classify an error, see `trouble.trouble`; any other error counts as permanent."""
        found = trouble(error, self.endpoint)
        if found is None and self._last_status >= 500:
            # huggingface_hub couldn't read the answer, so only its status counts.
            status = self._last_status
            found = Trouble(f"the Hub answered {status}", passing=True, status=status)
        if found is None:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            found = Trouble(text)
        return found._replace(message=self.remove_token(found.message))

    def retry(self, what: str, call: Callable[[], _T]) -> _T:
        """Make a call, and repeat it after a fault that may pass; return its result.

        Args:
          what: the action, for the message "... failed".
          call: the call, which must do no harm when repeated.

        Raises:
          PublishError: the call failed; the message is one line.
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
        """Report a fault and wait. Raises PublishError if the Hub asks for too long a wait."""
        wait = 2 ** (attempt - 1) if found.wait is None else found.wait
        if wait > MAX_WAIT:
            raise PublishError(f"{found.message}, and asks to wait {wait} s")
        self.say(f"{found.message}: try {attempt + 1} of {tries} in {wait} s")
        time.sleep(wait)

    def _limit(self) -> None:
        """Make huggingface_hub use a client that has timeouts and checks each answer."""
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
        # Checked here, since http_backoff would sleep for any time without a message.
        if wait > MAX_WAIT:
            raise AskedToWait(wait)
        self.say(f"the Hub asks to wait {wait} s ({status})")


def print_to_stderr(program: str) -> Callable[[str], None]:
    """Make a `say` for the command of that name, which prints lines on stderr."""
    return lambda text: print(f"{program}: {text}", file=sys.stderr, flush=True)
