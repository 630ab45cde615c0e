"""Innocent explanations, listed explicitly."""
