"""Which encoding a file is written in, judged by its first bytes."""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_STRAY = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\0-\x7f]")
_LEGACY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "iso8859_2", "koi8_r", "mac_roman"]
_LEGACY += ["shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]


def detect_encoding(head: bytes) -> str | None:
    """The name of the encoding for `open`, or None for what is no text at all.

    UTF-8 wins as soon as it explains more characters than it leaves bytes unexplained, so that a stray byte does
    not turn a whole file into another alphabet; those bytes come through as lone surrogates (PEP 383).
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if b"\0" in head:
        return _wide(head)
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(head)
    strays = len(_STRAY.findall(text))
    if not strays or strays < len(_BEYOND_ASCII.findall(text)) - strays:
        return "utf-8"
    return _legacy(head)


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: in the text of a catalogue most of the zero bytes stand on one side."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if min(even, odd) * 20 > max(even, odd) or max(even, odd) * 4 < len(head) // 2:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _legacy(head: bytes) -> str | None:
    """The likeliest of the encodings from before UTF-8; cp1252, the Western one, when none stands out."""
    from charset_normalizer import from_bytes

    if sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head) * 50 > len(head):
        return None
    best = from_bytes(head[: 1 << 16], cp_isolation=_LEGACY, steps=8).best()
    return best.encoding if best is not None else "cp1252"
