"""The command line: one module for each command, thin over what does the work.

A command checks its arguments, calls a function of a lower floor, and turns what it raised into
one line and an exit code.

In: words. Out: text on the streams, files, an exit code. Nothing imports this room but the
entry points.
"""
