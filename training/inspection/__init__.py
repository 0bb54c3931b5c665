"""A closer look at what is served, after the gate has decided: where it fails, how firm it is, what misleads it."""
