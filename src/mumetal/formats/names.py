"""Names as laboratories write them, to names that can be kept."""

import re

OTHER = re.compile(r"[^A-Za-z0-9_.:+/@\[\]()-]")


def encoded(text: str) -> str:
    """Return a name of plain characters: a blank becomes ``_``, any other ``(HEX)``, and it starts with a letter or digit.

    >>> encoded("TC 0-3/flux"), encoded("T µ"), encoded("_x")
    ('TC_0-3/flux', 'T_(b5)', 'x_x')
    """
    name = OTHER.sub(lambda found: "_" if found[0] in " \t" else f"({ord(found[0]):x})", text)
    return name if name[:1].isalnum() else f"x{name}"
