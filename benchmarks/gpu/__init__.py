"""What is meant for a GPU, run and measured on one: a bundle to carry to a bare machine, and what runs there."""
