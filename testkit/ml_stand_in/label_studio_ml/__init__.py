"""A stand-in for label-studio-ml 2, written for the tests: the smallest thing with its published interface.

The real one is only to be had from its git repository, which a test machine need not reach. This has the constructor,
`setup`, `predict`, `fit`, `get`, `set`, `label_interface`, `parsed_label_config`, `ModelResponse`, and the routes of
the server, each as the real one answers them: a model is made anew for each request, and `project` loses what follows
its number.
"""
