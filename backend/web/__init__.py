"""The HTTP side: credentials before bodies, bounds before parsing, the API and the metrics. Never trains."""
