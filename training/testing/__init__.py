"""What strategies, kinds of question and launchers have to keep, as tests that any package runs against its own."""
