"""From a rule to two expressions: one that Hyperscan looks for everywhere, one that re2 confirms around a hit."""

import re

from mumetal.scan.secrets.rule import Rule

# What may stand between a name and its value: quotes and brackets that close, a type, then = : => := -> , ( or >.
_CLOSE = r"[\w.\-]{0,24}[\"'`\])}\\]{0,4}"
_TYPE = r"(?:[ \t]{0,4}:?[ \t]{1,4}(?:string|str|const|is|String|value)\b)?"
_SIGN = r"(?:[ \t]{0,10}(?:[=:]{1,3}>?|->|\|\||[(>]|%3[ADad])|[\"'`][ \t]{0,4},[ \t]{0,4})"
_OPEN = r"(?:\s{0,10}(?:os\.)?(?:getenv|env|environ\.get)?\(?[\"'`\\({\[<u@]{0,4}|%2[27])"
SEPARATOR = _CLOSE + _TYPE + _SIGN + _OPEN
_LEFT = r"(?:^|[^A-Za-z0-9])"
_RIGHT = r"(?:[^A-Za-z0-9_/+\-]|$)"
_TAIL = re.compile(r"(?:\{(\d+),\d*\}|\+)$")


def _shortest(expression: str) -> str:
    """Cut an open repetition at the end down to its least number, so that each match is reported once."""
    return _TAIL.sub(lambda m: f"{{{m[1]}}}" if m[1] else "", expression)


def prefilter(rule: Rule) -> str:
    """Return what is looked for everywhere: every line that :func:`confirmer` matches on has a match of it."""
    if rule.prefilter:
        return rule.prefilter
    if rule.token:
        return _shortest(rule.token)
    if rule.name:
        return f"(?i:{rule.name}){SEPARATOR}{_shortest(rule.value)}"
    return rule.pattern


def confirmer(rule: Rule) -> str:
    """Return what re2 confirms; the first group is the secret. Rules with ``near`` are confirmed by :mod:`near`."""
    if rule.token:
        return f"(?m){_LEFT}({rule.token}){_RIGHT}"
    if rule.name:
        return f"(?m)(?i:{rule.name}){SEPARATOR}({rule.value})"
    return f"(?m){rule.pattern}"
