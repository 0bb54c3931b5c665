"""Where a champion goes that leaves the house: a model hub, an object store, a model registry; and back from there."""
