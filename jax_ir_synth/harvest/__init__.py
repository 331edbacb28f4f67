"""Makes rows of the functions of installed packages and of folders: code that people wrote.

`packages` says what is asked for, `finding` lists its functions, `recording` and `guessing` find
calls of them, `making` makes a row of each. All of that runs the code of others, so it happens in
`worker`, a process within `limits`. `run` asks the workers, and can resume; `report` counts.
`licenses` reads which license holds. `real` rebuilds a fixed set of rows from pinned packages.

In: names of packages or paths. Out: rows with their origin, and why each other function has none.
"""
