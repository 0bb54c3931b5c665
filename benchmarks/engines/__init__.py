"""What `benchmarks.serving` measures with: a checkpoint, the two servers, clients, and figures with intervals."""
