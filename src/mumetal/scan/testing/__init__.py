"""Tests of quantum programs against a model of a real device: distributions at a stated power, budgets, no residue."""
