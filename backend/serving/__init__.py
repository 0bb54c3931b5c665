"""The predictor: engines, batching, hot swap. Never trains, knows no HTTP, and of the database what `app` hands it."""
