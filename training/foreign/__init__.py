"""Models whose code is somebody else's: each runs in a process of its own, and what it does costs itself alone."""
