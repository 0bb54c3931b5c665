"""The flight simulator: a project's labels once more, under the true policy or another, without a tool."""
