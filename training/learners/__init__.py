"""One file per kind of question: how to encode, decode and score it."""
