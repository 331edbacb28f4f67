"""Separates a completion's answer from all else that a model writes around it (no jax here).

- Thoughts are no answer: `<think>`, `<thinking>`, `<reasoning>`, `<thought>`, `<seed:think>`,
  `[THINK]`, `◁think▷`, `<|begin_of_thought|>` and the like, nested and with attributes. One that is
  never closed goes to the end. Before a closing tag that nothing opened, all is a thought, since
  the prompt opened it. vLLM (`BaseThinkingReasoningParser.extract_reasoning`) and SGLang
  (`BaseReasoningFormatDetector`) do both.
- Where there are channels, only `final` is an answer (`docs/format.md` of
  https://github.com/openai/harmony).
- Where tags like `<answer>` hold code, only what they hold is an answer.
- What follows a token that ends a turn is another turn.

A tag that is only mentioned counts for nothing: in a string, in inline code, in a comment, in
quotation marks, or in the middle of a sentence.

Anyone may have written a completion, so all of this takes linear time: quantifiers are possessive,
and what isn't closed is read once.
"""

import re
from collections.abc import Iterator

# Between two of one sign, on one line. A string that isn't closed hides nothing.
_STRING = r'"(?:[^"\\\n]++|\\.)*+(?P<closed>")?'
_INLINE_CODE = r"(?<!`)(?P<ticks>`{1,2})(?!`)[^`\n]++(?P=ticks)(?!`)"
# Not the one of an address.
_COMMENT = r"(?<!:)//[^\n]*+"


class _Scanner:
    """Finds what a pattern matches, but for what is in a string, inline code or a comment."""

    def __init__(self, pattern: str):
        within_string = rf"(?P<found>{pattern})|{_INLINE_CODE}|{_COMMENT}"
        self._pattern = re.compile(pattern, re.MULTILINE | re.IGNORECASE)
        self._all = re.compile(f"{within_string}|{_STRING}", re.MULTILINE | re.IGNORECASE)
        self._no_strings = re.compile(within_string, re.MULTILINE | re.IGNORECASE)

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """Find all matches, in order."""
        # Most texts have none: then nothing else is looked for.
        if self._pattern.search(text) is None:
            return
        at = unclosed = 0
        while True:
            if at < unclosed:
                match = self._no_strings.search(text, at, unclosed)
            else:
                match = self._all.search(text, at)
            if match is None:
                if at >= unclosed:
                    return
                at = unclosed
            elif match["found"] is not None:
                at = match.end()
                yield match
            elif match[0].startswith('"') and match["closed"] is None:
                at, unclosed = match.start() + 1, match.end()
            else:
                at = match.end()


def _make_tag_pattern(names: str) -> str:
    """Make the pattern of tags with these names: `<name a="b">`, `[NAME]`, `<|end_of_name|>`."""
    return (
        r"(?P<left><\|?|\[|◁)(?P<end>/|end_(?:of_)?)?(?:begin_of_|start_)?(?:\w{1,20}:)?"
        rf"(?P<name>{names})(?:[ \t][^<>\[◁\n]*+)?(?P<right>\|?>|\]|▷)"
    )


_RIGHT = {"<": ">", "<|": "|>", "[": "]", "◁": "▷"}
_THOUGHTS = _Scanner(
    _make_tag_pattern("think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad")
)
_ANSWERS = _Scanner(_make_tag_pattern("(?:final_)?answer|final|solution|response|output|box"))
_CHANNELS = _Scanner(r"<\|(?P<name>start|channel|constrain|message|end|return|call)\|>")
_TURN_ENDS = _Scanner(
    r"<\|(?:im_end|eot_id|eom_id|end_of_text|endoftext|end_of_turn)\|>|<end_of_turn>|</s>"
    r"|<｜end▁of▁sentence｜>"
)
# The same channels where a tokenizer dropped the tokens and left the words beside them.
_BARE_CHANNELS = re.compile(r"\A\s*(?:assistant)?analysis(?P<glued>(?=[A-Z]))?")
_BARE_FINAL = re.compile(r"assistant(?:final|\sfinal\b)")
# Of a tag in the middle of a sentence: what is before it, and what is behind it.
_SENTENCE_BEFORE = re.compile(r"\w \Z")
_SENTENCE_BEHIND = re.compile(r"[.,;:!?)]|[ ](?!module\b|func\b)[a-z]")
_MARKS_BEFORE, _MARKS_BEHIND = frozenset("'‘“”«(*_"), frozenset("'’“”»)*_")


def find_answer(completion: str) -> str:
    """Find the answer in a completion; empty without one.

    Line breaks are where thoughts were.
    """
    return _drop_thoughts(_find_final_channel(_find_first_turn(completion)))


def find_answer_tags(answer: str) -> list[tuple[int, int]]:
    """Find what is between pairs of tags like `<answer>`, each as its start and end.

    One that isn't closed goes to the end: generation was stopped there, often by the closing tag
    itself. One that isn't opened goes back to the tag before it: the prompt opened it.
    """
    spans = []
    opened, after = None, 0
    for match in _find_tags(_ANSWERS, answer):
        if not match["end"]:
            opened = match.end()
        else:
            spans.append((after if opened is None else opened, match.start()))
            opened, after = None, match.end()
    if opened is not None:
        spans.append((opened, len(answer)))
    return spans


def _find_tags(scanner: _Scanner, text: str) -> Iterator[re.Match[str]]:
    for match in scanner.matches(text):
        if match["right"] != _RIGHT[match["left"].lower()] or match[0].endswith("/>"):
            continue
        # `[analysis]` in lower case is a link's text.
        if match["left"] == "[" and not match["name"].isupper():
            continue
        if not _is_mentioned(text, match):
            yield match


def _is_mentioned(text: str, match: re.Match[str]) -> bool:
    """Tell whether the text speaks about a tag, as in: I leave the <think> part out."""
    start, end = match.span()
    before, behind = text[max(0, start - 2) : start], text[end : end + 8]
    if before[-1:] in _MARKS_BEFORE and behind[:1] in _MARKS_BEHIND:
        return True
    return bool(_SENTENCE_BEFORE.search(before) and _SENTENCE_BEHIND.match(behind))


def _find_first_turn(text: str) -> str:
    at = 0
    for match in _TURN_ENDS.matches(text):
        if (turn := text[at : match.start()]).strip():
            return turn
        at = match.end()
    return text[at:]


def _drop_thoughts(text: str) -> str:
    kept: list[str] = []
    # The names of the thoughts that are open; `at`: where the last tag ended.
    open_: list[str] = []
    at = 0
    for match in _find_tags(_THOUGHTS, text):
        # One name for `think` and `thinking`.
        name = match["name"].lower()[:5]
        if not match["end"]:
            if not open_:
                kept.append(text[at : match.start()])
            # Some models repeat the tag that the prompt ended with, and that opens one thought.
            if not open_ or text[at : match.start()].strip():
                open_.append(name)
        elif not open_:
            kept.clear()
        elif name in open_:
            while open_.pop() != name:
                pass
        at = match.end()
    if not open_:
        kept.append(text[at:])
    return "\n".join(kept)


def _find_final_channel(text: str) -> str:
    """Find what is in the channel `final`; the text itself without channels."""
    marks = list(_CHANNELS.matches(text))
    if not marks:
        return _find_bare_final_channel(text)
    ends = [match.start() for match in marks[1:]] + [len(text)]
    parts = [
        (match["name"].lower(), text[match.end() : end])
        for match, end in zip(marks, ends, strict=True)
    ]
    if not {"start", "channel"} & {name for name, _ in parts}:
        # The prompt named the channel, and this is its message.
        written = [text[: marks[0].start()], *(part for _, part in parts)]
        return _find_bare_final_channel(next((part for part in written if part.strip()), ""))
    final = []
    channel = ""
    for name, part in parts:
        if name == "message":
            if channel == "final":
                final.append(part)
        elif name != "constrain":
            channel = "".join(part.split()[:1]) if name == "channel" else ""
    return "\n".join(final)


def _find_bare_final_channel(text: str) -> str:
    begins = _BARE_CHANNELS.match(text)
    if begins is None:
        return text
    *_, final = (0, *(match.end() for match in _BARE_FINAL.finditer(text)))
    if final:
        return text[final:]
    return "" if begins["glued"] is not None else text
