"""Calls a function on what strangers wrote, each time in a forked process and within limits.

`sandbox` takes questions and gives replies, in order; `fork_server` is the process that imports the
function once and forks; `forked_call` watches a fork; `resource_limits` is what a fork gives up
first; `stderr_tail` finds the line that tells what it died of.

In: a function by its name, and values. Out: plain JSON, or one line that says why there is none.
"""
