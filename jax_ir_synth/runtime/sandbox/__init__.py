"""Calls a function on untrusted input, each time in a forked process and within limits.

`sandbox` takes questions and gives replies, in order. `fork_server` is the process that imports the
function once and forks. `forked_call` watches a fork, and `resource_limits` sets its limits.
`stderr_tail` finds the line of its output that says why it died.

In: a function by its name, and values. Out: plain JSON, or one line that says why there is none.
"""
