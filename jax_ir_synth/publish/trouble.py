"""Classifies errors of requests to the Hub: a one-line message, and whether they may pass."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jax_ir_synth.errors import JaxIrSynthError

# The longest wait, in seconds, that is accepted if the Hub asks for it; longer ones are errors.
MAX_WAIT = 600
_MAX_TOLD = 300


class AskedToWait(JaxIrSynthError):
    """The Hub asks to wait longer than `MAX_WAIT`."""

    def __init__(self, seconds: int):
        super().__init__(f"the Hub asks to wait {seconds} s (429 or 503 with Retry-After)")


class Trouble(NamedTuple):
    """Why a request failed.

    Attributes:
      message: the reason in one line.
      passing: whether the same request may soon succeed.
      status: the status of the Hub's answer, 0 if there was none.
      wait: how many seconds the Hub asked to wait; None if it didn't.
    """

    message: str
    passing: bool = False
    status: int = 0
    wait: int | None = None


def trouble(error: BaseException, endpoint: str) -> Trouble | None:
    """Classify an error of huggingface_hub; None if it comes from neither Hub nor network."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    for link in _chain(error):
        if isinstance(link, AskedToWait):
            return Trouble(str(link))
        if isinstance(link, OfflineModeIsEnabled):
            return Trouble("HF_HUB_OFFLINE is set, so the Hub isn't asked")
        if isinstance(link, HfHubHTTPError):
            response = link.response
            status, said = response.status_code, _one_line(link.server_message or "")
            passing = status in (408, 409, 412, 425, 429) or status >= 500
            told = f"the Hub answered {status}{f' ({said})' if said else ''}"
            return Trouble(told, passing, status, asked_wait(response.headers))
        if isinstance(link, http_library().TransportError):
            reason = _one_line(str(link)) or type(link).__name__
            return Trouble(f"the connection to {endpoint} failed ({reason})", passing=True)
    return None


def asked_wait(headers: Mapping[str, str]) -> int | None:
    """Read from an answer's headers how many seconds to wait; None if they don't say."""
    if (after := headers.get("Retry-After", "").strip()).isdigit():
        return int(after)
    # The Hub's own form, from a draft of the IETF: "api";r=0;t=55.
    found = re.search(r"\br=0\b.*\bt=(\d+)", headers.get("RateLimit", "").replace(" ", ""))
    return int(found[1]) if found else None


def http_library() -> Any:
    """Find the HTTP library of this version of huggingface_hub: httpx, or one with its names."""
    from huggingface_hub import get_session

    return importlib.import_module(type(get_session()).__module__.partition(".")[0])


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MAX_TOLD]
