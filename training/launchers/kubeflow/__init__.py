"""Jobs as TrainJobs of Kubeflow Trainer: submitted through its SDK, with data and results in an object store."""
