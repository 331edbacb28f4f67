"""Writes text for people: streams that can be lost, consoles without markup, progress.

`streams` guards stdout, stderr and pipes; `console` prints text without markup; `progress` shows
how far a run is; `markdown` writes pieces of pages.

In: text. Out: the same text on a stream. This package never knows the content.
"""
