"""Processes and threads: everything that runs code somewhere else than in the caller's hands.

`helper` is a fresh Python process that answers questions; `pool` asks several of them, in order,
and replaces those that die; `sandbox` calls a function on what strangers wrote, within limits of
memory and time; `orphans` ends a process with its parent; `isolation` keeps the caller's jax
contexts away; `gc_paused` pauses the garbage collector.

In: a function and its arguments. Out: its result, or how its process died. This room never knows
what the functions do.
"""
