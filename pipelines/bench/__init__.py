"""Benchmarks: commands that print a table and, as their last line, one JSON object. Speed is a ratio in one run."""
