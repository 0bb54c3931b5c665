"""Real processes, started and stopped as people would: for the demo, the tests and the benchmarks alike."""
