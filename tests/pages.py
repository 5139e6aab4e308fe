"""What a page of the documentation shows in its fenced blocks."""

import re


def blocks(page: str, language: str) -> list[str]:
    """Contents of the blocks in ``language``, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
