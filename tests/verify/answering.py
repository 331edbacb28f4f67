"""Has texts run in a process of their own, each in a fork where asked for: what became of each.

`python answering.py` reads jobs as lines of JSON, and writes as many lines.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

# Of CPU time: the machine may be busy.
SECONDS = 60


class Answer(NamedTuple):
    """What became of a text.

    Attributes:
      kind: `"value"`; `"refused"`, a ValueError of one line; `"error"`, any other; `"died"`; `"late"`.
      said: more about it.
    """

    kind: str
    said: str


def answers(texts: Sequence[str], way: str, fork: bool = False) -> list[Answer]:
    """What becomes of each text.

    Args:
      texts: modules.
      way: `"interpreter"`, StableHLO's alone, without a look at the text before; or `"verifier"`.
      fork: whether each is run in a fork, so that one that dies costs no new process.
    """
    found: list[Answer] = []
    while len(found) < len(texts):
        rest = texts[len(found) :]
        jobs = "".join(json.dumps([text, way, fork]) + "\n" for text in rest)
        process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        out, err = process.communicate(jobs)
        found += [Answer(*json.loads(line)) for line in out.splitlines()]
        if len(found) < len(texts):
            last = err.strip().splitlines()[-1:] or [""]
            late = process.returncode == -signal.SIGPROF
            found.append(Answer("late" if late else "died", f"{process.returncode} {last[0]}"))
    return found


def _serve() -> None:
    # Whatever a library prints is no answer.
    mouth = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    # Before the forks, which would each import it all.
    _answer("", "interpreter")
    _answer("", "verifier")
    for job in sys.stdin:
        text, way, fork = json.loads(job)
        answer = _forked(text, way) if fork else _answer(text, way)
        mouth.write(json.dumps(answer) + "\n")
        mouth.flush()


def _forked(text: str, way: str) -> Answer:
    heard, mouth = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(mouth, json.dumps(_answer(text, way)).encode()[:4000])
        os._exit(0)
    os.close(mouth)
    said = b"".join(iter(lambda: os.read(heard, 5000), b""))
    os.close(heard)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return Answer("late" if number == signal.SIGPROF else "died", signal.Signals(number).name)
    return Answer(*json.loads(said))


def _answer(text: str, way: str) -> Answer:
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        return Answer("value", _WAYS[way](text))
    except ValueError as error:
        said = str(error)
        return Answer("refused" if "\n" not in said else "error", said[:300])
    except BaseException as error:
        return Answer("error", f"{type(error).__name__}: {error}"[:300])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


_contexts = []


def _interpret(text: str) -> str:
    from jax.interpreters import mlir
    from jaxlib.mlir import ir
    from jaxlib.mlir.dialects import stablehlo
    from jaxlib.mlir.passmanager import PassManager

    if not _contexts:
        stablehlo.register_stablehlo_passes()
        _contexts.append(mlir.make_ir_context())
        _contexts[0].enable_multithreading(False)
    with _contexts[0]:
        try:
            module = ir.Module.parse(text)
        except ir.MLIRError as error:
            raise ValueError(f"MLIR: {error}".replace("\n", " ")) from None
        if "chlo." in text:
            passes = "builtin.module(func.func(chlo-legalize-to-stablehlo))"
            PassManager.parse(passes).run(module.operation)
        return ", ".join(str(result.type) for result in stablehlo.eval_module(module, []))


def _verify(text: str) -> str:
    """As `prove` and `evaluate` run a text, on inputs of its own types."""
    import numpy as np

    from jax_ir_synth.lowering.parsing import open_module
    from jax_ir_synth.reference.inputs import DTYPES, HALF
    from jax_ir_synth.verify.execution import execute, execute_exactly
    from jax_ir_synth.verify.signature import read_signature

    with open_module(text) as module:
        found = read_signature(module)
    if max((np.prod(tensor.shape) for tensor in found.taken), default=0) > 10**6:
        raise ValueError("a row's own columns say what it takes, and have a bound")
    draws = np.random.default_rng(0)
    inputs = [
        np.asarray(
            draws.integers(0, 2, tensor.shape) if _is_integer(tensor) else draws.uniform(0.5, 2, tensor.shape)
        ).astype(np.float32 if tensor.dtype in HALF else DTYPES[tensor.dtype])
        for tensor in found.taken
    ]  # fmt: skip
    results = execute(text, [inputs, inputs], lambda _: None, True, "arrays").results[0]
    execute_exactly(text, [inputs])
    return ", ".join(f"{x.dtype}{list(x.shape)}" for x in results)


def _is_integer(tensor) -> bool:
    return "int" in tensor.dtype or tensor.dtype == "bool"


_WAYS = {"interpreter": _interpret, "verifier": _verify}

if __name__ == "__main__":
    _serve()
