"""BLAS computes in one thread while rows are made, and in as many as the caller set afterwards."""

import pytest

BEGIN = """
import os, threading
import scipy.linalg
from threadpoolctl import threadpool_info, threadpool_limits
from jax_ir_synth.runtime.blas_threads import use_one_blas_thread

def count():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}

threadpool_limits(limits=3)
print(count(), end=" ")
"""
DRAWN = """
from jax_ir_synth import kernels
from jax_ir_synth.generate import plan
real = kernels.draw
kernels.draw = lambda *arguments: (print(count(), end=" "), real(*arguments))[1]
plan.draw_candidate("unary", 7, 0)
print(count())
"""
FAILING = """
try:
    with use_one_blas_thread(), use_one_blas_thread():
        print(count(), end=" ")
        raise KeyError
except KeyError:
    print(count())
"""
SEVERAL = """
entered, leave = threading.Event(), threading.Event()

def work():
    with use_one_blas_thread():
        entered.set()
        leave.wait()

thread = threading.Thread(target=work)
with use_one_blas_thread():
    thread.start()
    entered.wait()
    print(count(), end=" ")
leave.set()
thread.join()
print(count())
"""
FORKED = """
held = threading.Event(), threading.Event()

def work():
    with use_one_blas_thread():
        held[0].set()
        held[1].wait()

thread = threading.Thread(target=work)
thread.start()
held[0].wait()
child = os.fork()
if child == 0:
    with use_one_blas_thread():
        os._exit(max(count()))
print({os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}, end=" ")
held[1].set()
thread.join()
print(count())
"""


@pytest.mark.parametrize("code", [DRAWN, FAILING, SEVERAL, FORKED])
def test_one_thread_inside_and_the_callers_number_afterwards(python, code):
    done = python("-W", "ignore::DeprecationWarning", "-c", BEGIN + code)
    assert (done.stdout.split(), done.stderr) == (["{3}", "{1}", "{3}"], "")
