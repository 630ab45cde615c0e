"""Where people and programs meet Mumetal; the only room that sees all others."""
