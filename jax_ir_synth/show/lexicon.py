"""The syntax of each language as data, by which the terminal and the page colour a text.

A language is a sequence of rules, each a kind and a regular expression. At each place of a text,
the first rule that matches gives the matched text its kind ("" for plain text). Text that no rule
matches is plain. The expressions use only what Python's `re` and JavaScript have in common, where
`^` matches at the start of each line. Groups must be `(?:…)`, because the page joins all rules of a
language into one expression with a group for each rule.
"""

KINDS = (
    "comment",
    "string",
    "number",
    "keyword",
    "operation",
    "type",
    "value",
    "symbol",
    "attribute",
)

_STRING = r'"(?:[^"\\\n]|\\.)*"'
_NUMBER = r"-?\b(?:0x[0-9A-Fa-f]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
_WORD = r"[A-Za-z_][\w.$]*"


def _match_words(text: str) -> str:
    """Make an expression that matches any of the words."""
    return rf"\b(?:{'|'.join(text.split())})\b"


LEXICON: dict[str, tuple[tuple[str, str], ...]] = {
    "python": (
        ("comment", r"#[^\n]*"),
        ("string", r'[rbf]?(?:"""[\s\S]*?"""|' + _STRING + r"|'(?:[^'\\\n]|\\.)*')"),
        (
            "keyword",
            _match_words(
                "and as assert break class continue def del elif else except finally for from if "
                "import in is lambda not or pass raise return try while with yield None True False"
            ),
        ),
        (
            "type",
            _match_words("jax jnp lax nn random linalg scipy special range len tuple float int"),
        ),
        ("number", r"\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"),
        ("operation", r"[A-Za-z_]\w*(?=\()"),
        ("attribute", r"@\w[\w.]*"),
        ("", r"[A-Za-z_]\w*"),
    ),
    "mlir": (
        ("comment", r"//[^\n]*"),
        ("operation", r'"[a-z_]\w*(?:\.\w+)+"(?=\()'),
        ("string", _STRING),
        ("value", r"%[\w$.]+(?:#\d+)?"),
        ("symbol", r"@(?:[\w$.]+|" + _STRING + ")"),
        ("symbol", r"\^\w+"),
        (
            "type",
            r"\b(?:tensor|vector|memref|tuple|complex)<(?:[^<>\n]|<(?:[^<>\n]|<[^<>\n]*>)*>)*>"
            r"|![a-z]\w*(?:\.\w+)*|\b(?:[su]?i|bf|f)\d+\w*\b|\bindex\b",
        ),
        ("attribute", r"#\w[\w.]*|[A-Za-z_][\w.]*(?=\s?=[^=])"),
        (
            "keyword",
            r"\bfunc\.(?:func|return|call)\b|"
            + _match_words(
                "module attributes public private return true false dense array applies init"
            )
            + "|"
            + _match_words(
                "across cond do reducer dims dimensions dim precision sizes contracting_dims"
            ),
        ),
        ("operation", r"\bcall\b|[a-z_]\w*(?:\.\w+)+"),
        ("number", _NUMBER),
        ("", _WORD),
    ),
    "hlo": (
        ("comment", r"/\*[^*\n]*\*/|\bmetadata=\{[^{}\n]*\}"),
        ("string", _STRING),
        ("value", r"%[\w.-]+"),
        (
            "type",
            r"\b(?:pred|token|[suc]\d+|bf16|f\d\w*)\[[\d,<=]*\](?:\{[\d,:()\w]*\})?",
        ),
        ("keyword", _match_words("HloModule ENTRY ROOT true false")),
        ("attribute", r"\b[a-z_]\w*(?==)"),
        ("operation", r"\b[a-z][\w-]*(?=\()"),
        ("number", _NUMBER),
        ("", _WORD),
    ),
    "jaxpr": (
        ("string", _STRING + r"|'[^'\n]*'"),
        ("type", r"\b(?:bool|[fuic]\d+|bf16|key<\w+>)\[[\w,]*\]"),
        ("keyword", _match_words("lambda let in True False None")),
        ("attribute", r"\b[a-z_]\w*(?==)"),
        ("operation", r"\b[a-z_]\w{2,}"),
        ("value", r"\b[a-z]{1,2}\b"),
        ("number", _NUMBER),
        ("", _WORD),
    ),
    "llvm": (
        ("comment", r";[^\n]*"),
        ("string", "c?" + _STRING),
        ("symbol", r"^[\w.$-]+:"),
        ("value", r"%(?:[\w.$-]+|" + _STRING + ")"),
        ("symbol", r"@(?:[\w.$-]+|" + _STRING + ")"),
        ("attribute", r"#\d+|![\w.]+"),
        (
            "type",
            _match_words("void half bfloat float double ptr label metadata token x") + r"|\bi\d+\b",
        ),
        (
            "keyword",
            _match_words("define declare target datalayout triple attributes global constant"),
        ),
        (
            "operation",
            _match_words(
                "ret br switch unreachable fneg add fadd sub fsub mul fmul udiv sdiv fdiv urem "
                "srem frem shl lshr ashr and or xor extractelement insertelement shufflevector "
                "extractvalue insertvalue alloca load store fence cmpxchg atomicrmw getelementptr "
                "trunc zext sext fptrunc fpext fptoui fptosi uitofp sitofp ptrtoint inttoptr "
                "bitcast addrspacecast icmp fcmp phi select freeze call"
            ),
        ),
        ("number", r"\bf?0x[0-9A-FHKLMR]+\b|" + _NUMBER),
        ("", _WORD),
    ),
    "ptx": (
        ("comment", r"//[^\n]*|/\*[\s\S]*?\*/"),
        ("string", _STRING),
        ("value", r"%[\w.]+"),
        ("symbol", r"\$\w+"),
        ("type", r"\.(?:[busf]\d+x?\d*|pred)\b"),
        ("keyword", r"\.[a-z]\w*"),
        ("operation", r"\b[a-z][a-z0-9]*(?:[.:]+\w+)*(?=[\s;])"),
        ("number", r"\b0[fdx][0-9A-Fa-f]+\b|" + _NUMBER),
        ("", _WORD),
    ),
    "x86": (
        ("comment", r"#[^\n]*"),
        ("symbol", r"^[\w.$]+:"),
        ("keyword", r"^[ \t]*\.[a-z]\w*"),
        ("operation", r"^[ \t]+[a-z]\w*"),
        ("type", _match_words("byte word dword qword xmmword ymmword zmmword ptr offset")),
        (
            "value",
            r"\b(?:[re]?(?:[abcd]x|[sd]i|[sb]p|ip)|[abcd][lh]|[sd]il|[sb]pl|r\d+[dwb]?"
            r"|[xyz]mm\d+|k[0-7])\b",
        ),
        ("number", _NUMBER),
        ("symbol", r"\.[A-Za-z][\w.$]*"),
        ("", _WORD),
    ),
}

_LANGUAGES = {
    "jaxpr": "jaxpr",
    "stablehlo": "mlir",
    "hlo": "hlo",
    "optimized_hlo": "hlo",
    "llvm": "llvm",
}
_ASSEMBLY = {"cpu": "x86", "gpu": "ptx"}


def get_language(backend: str, dialect: str) -> str:
    """Return the language of an IR section, or "" if it is unknown.

    Args:
      backend: `"cpu"` or `"gpu"`, as in the section's header.
      dialect: One of `dialects.DIALECTS`.
    """
    return _LANGUAGES.get(dialect) or (_ASSEMBLY.get(backend, "") if dialect == "asm" else "")
