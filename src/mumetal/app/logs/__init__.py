"""The log of a running stack: what the rooms tell it, cleaned, as JSON or text, in a file that cannot grow past its bound."""
