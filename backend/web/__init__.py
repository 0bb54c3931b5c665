"""The HTTP side of the service: credentials, limits, errors, the API and the metrics."""
