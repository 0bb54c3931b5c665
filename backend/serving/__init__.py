"""The predictor: engines, batching, hot swap. Knows no HTTP, and of the database only what `app` hands it."""
