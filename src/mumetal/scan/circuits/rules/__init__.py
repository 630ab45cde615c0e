"""Rules over circuits, listed explicitly."""

from mumetal.core.registry import Registry
from mumetal.scan.circuits.rule import CircuitRule
from mumetal.scan.circuits.rules import dead_work, hammering, mismatch, probes, pulses, resets

CIRCUIT_RULES: Registry[CircuitRule] = Registry("circuit rule", "mumetal.circuit_rules")
for _rule in (
    hammering.RULE, dead_work.RULE, probes.MEASURE_ONLY, probes.RAMSEY, resets.RULE, pulses.RULE, mismatch.RULE,
):  # fmt: skip
    CIRCUIT_RULES.add(_rule.rule_id, _rule)
