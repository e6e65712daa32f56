"""How fast the cache is, beside Sake on a Redis server and hikari's own cache in memory.

`uv run python -m tests.benchmarks` measures; nothing here is a test of the suite, which only sees that each benchmark
runs (`tests/test_benchmarks.py`). Figures are compared within one run and never kept as a threshold: the machines that
this runs on change their speed by half within seconds.
"""
