"""Shows a value in an error's message, in one short line without addresses (no jax here)."""

# A message shows so many characters, and a sequence with so many elements.
_CHARACTERS, _ELEMENTS = 60, 8
# Any other type's text may be long, hold an address, or take long to write.
_PLAIN = (str, bytes, bool, int, float, complex, type(None))


def describe(value: object) -> str:
    """Show a value as `=3`, or `of type dict` if its text may be long or hold an address.

    Args:
      value: Anything.
    """
    text = _write(value)
    return _name_type(value) if text is None else f"={_shorten(text)}"


def _write(value: object) -> str | None:
    kind = type(value)
    if kind in (tuple, list) and len(value) <= _ELEMENTS:  # type: ignore[arg-type]
        parts = [_write(element) or _name_type(element) for element in value]  # type: ignore[attr-defined]
        inner = ", ".join(parts)
        return f"[{inner}]" if kind is list else f"({inner}{',' * (len(parts) == 1)})"
    return _shorten(repr(value)) if kind in _PLAIN else None


def _name_type(value: object) -> str:
    return f"of type {type(value).__qualname__}"


def _shorten(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"
