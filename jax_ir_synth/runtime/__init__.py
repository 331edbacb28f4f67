"""Runs code in other processes and threads, isolated from the caller.

`helper` is a fresh Python process that answers questions. `pool` asks several helpers, keeps the
order, and replaces helpers that die. `sandbox` calls a function on untrusted input, with limits on
memory and time. `orphans` ends a process with its parent. `isolation` keeps the caller's jax
contexts away. `gc_paused` pauses the garbage collector.

In: a function and its arguments. Out: its result, or how its process died. This package never knows
what the functions do.
"""
