"""Rules over source code, listed explicitly."""

from mumetal.core.registry import Registry
from mumetal.scan.code.rule import CodeRule
from mumetal.scan.code.rules import (
    evaluation,
    fixed_target,
    limits,
    metadata,
    model_load,
    modes,
    paths,
    pickles,
    qpy,
    shell,
    sql,
    tls,
    yaml_load,
)

CODE_RULES: Registry[CodeRule] = Registry("code rule", "mumetal.code_rules")
_LISTED = (
    pickles, qpy, yaml_load, model_load, evaluation, shell, sql, paths, modes, tls, fixed_target, metadata, limits,
)  # fmt: skip
for _module in _LISTED:
    CODE_RULES.add(_module.RULE.rule_id, _module.RULE)
