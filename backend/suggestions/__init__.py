"""What people get to see: which version is announced, and which examples get fresh predictions."""
