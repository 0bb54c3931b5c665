"""A language model behind an endpoint of the OpenAI protocol: what is asked, what that costs, what is kept of it."""
