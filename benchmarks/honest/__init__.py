"""What can be trusted of what Labelwheel measures and promises: `make bench-honest`."""
