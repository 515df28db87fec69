"""Concept graphs to start from, for `hushrec-simulate run --concept-graph FILE`: the demo's topics, films' genres."""
