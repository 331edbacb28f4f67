"""A fixed set of functions that people wrote: pinned packages, and a lock list of what is in them.

`packages.json` names the packages, and `real.lock` the functions, with their calls and the
hashes of their rows. No code of others is here. `installing` installs the packages, `lock` reads
and writes the list, and `rebuild` makes the rows anew and compares them with it.
"""
