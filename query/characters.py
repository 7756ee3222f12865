"""Text from outside that is not quite text."""


def whole_characters(text: str) -> str:
    """The text with "?" for half a character: JSON and command lines can hold one, databases and models cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
