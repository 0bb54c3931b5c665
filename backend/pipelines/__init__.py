"""A round as a pipeline of Kubeflow Pipelines: what its steps ask of a running service, over HTTP alone."""
