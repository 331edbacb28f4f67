"""Runs a command to its end, and turns errors and signals into one line and an exit code.

| code | meaning |
|---|---|
| 0 | the command succeeded |
| 1 | the work failed, or a check found a fault |
| 2 | the arguments are wrong; nothing was changed |
| 74 | stdout, stderr or a pipe can't be written (EX_IOERR) |
| 130 | interrupted by Ctrl-C |
| 141 | the reader of stdout or of a pipe closed it |
| 143 | terminated by SIGTERM or SIGHUP |

An error of any other class than this package's is a defect of the package, and keeps its traceback.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

import click

from jax_ir_synth.cli.command import describe
from jax_ir_synth.errors import JaxIrSynthError, UsageError
from jax_ir_synth.storage.encoding import check_arguments, check_folders
from jax_ir_synth.terminal import streams

PROGRAM = "jax-ir-synth"
FAILURE, USAGE = 1, 2
STREAM_LOST = 74
INTERRUPTED = 128 + signal.SIGINT
READER_LEFT = 128 + signal.SIGPIPE
TERMINATED = 128 + signal.SIGTERM


class Terminated(BaseException):
    """SIGTERM or SIGHUP, raised like KeyboardInterrupt so that everything is cleaned up."""


class CommandError(JaxIrSynthError, RuntimeError):
    """The work of a command failed; the message is for the user."""


@contextlib.contextmanager
def report_unfinished(state: str, resume: str = "", always: bool = False) -> Iterator[None]:
    """Add the state of the result to the error or signal that ends the command.

    An error that isn't the user's mistake becomes a CommandError, `<state>: <error>`, unless it is
    one already. A signal is raised again with the state as its message.

    Args:
      state: `data.jsonl was not written`, for instance.
      resume: how to continue after a signal, if that is possible.
      always: whether that is also the way to continue after an error.
    """
    try:
        yield
    except (UsageError, CommandError):
        raise
    except (KeyboardInterrupt, Terminated) as stop:
        message = f"{state}: {resume}" if resume else state
        raise type(stop)("; ".join((message, *getattr(stop, "__notes__", ())))) from stop
    except (JaxIrSynthError, RuntimeError, OSError) as error:
        ending = f" ({resume})" if always else ""
        raise CommandError(f"{state}: {error}{ending}") from error


@contextlib.contextmanager
def report_unreadable(what: str = "") -> Iterator[None]:
    """Inside the `with` block, treat a file that can't be read or written as the user's mistake.

    Raises:
      UsageError: an OSError occurred. The message has the file's name, or `what` if the error has
        none.
    """
    try:
        yield
    except JaxIrSynthError:
        raise
    except OSError as error:
        name = error.filename or what
        reason = error.strerror or str(error)
        raise UsageError(f"{name}: {reason}" if name else reason) from error


def run(application: click.Group, words: Sequence[str]) -> int:
    """Run a command line to its end, and return the exit code.

    An error or a signal gives one line on stderr, or one line for each wrong record of a file. A
    defect of this package is raised.
    """
    program = _Program(application)
    try:
        with streams.guarded(), _signals_raise():
            return _run(program, words)
    except streams.StreamLost as lost:
        if lost.reader_left:
            return READER_LEFT
        # If stderr is lost, this goes nowhere.
        with contextlib.suppress(OSError):
            print(f"{program}: {lost}", file=sys.stderr)
        return STREAM_LOST
    except (KeyboardInterrupt, Terminated) as stop:
        # A second signal came while the first was being reported.
        return INTERRUPTED if isinstance(stop, KeyboardInterrupt) else TERMINATED


class _Program:
    """The application, and the name of the running command for messages."""

    def __init__(self, application: click.Group):
        self.application = application
        self.context: click.Context | None = None

    def __str__(self) -> str:
        command = self.context.invoked_subcommand if self.context else None
        return f"{PROGRAM} {command}" if command else PROGRAM


def _run(program: _Program, words: Sequence[str]) -> int:
    try:
        check_arguments(words)
        check_folders()
        context = program.application.make_context(PROGRAM, list(words))
        program.context = context
        with context:
            return program.application.invoke(context) or 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return USAGE
    except click.UsageError as error:
        return _report(program, f"error: {describe(error)}", USAGE)
    except UsageError as error:
        for line in str(error).splitlines():
            _report(program, f"error: {line}", USAGE)
        return USAGE
    except (JaxIrSynthError, OSError) as error:
        return _report(program, str(error), FAILURE)
    except KeyboardInterrupt as stop:
        return _report(program, ", ".join(filter(None, ("interrupted", str(stop)))), INTERRUPTED)
    except Terminated as stop:
        return _report(program, ", ".join(filter(None, ("terminated", str(stop)))), TERMINATED)


def _report(program: _Program, message: str, code: int) -> int:
    print(f"{program}: {message}", file=sys.stderr)
    return code


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """Inside the `with` block, make SIGTERM and SIGHUP raise Terminated, if this thread can.

    An ignored SIGHUP stays ignored, as with `nohup`.
    """
    # Only the main thread can handle signals.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_terminated(*_: object) -> None:
        raise Terminated

    previous = {
        number: signal.signal(number, raise_terminated)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if number == signal.SIGTERM or signal.getsignal(number) not in (signal.SIG_IGN, None)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
