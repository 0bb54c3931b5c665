"""How good suggestions are after so many labels, by ways of learning, on the same labels in one run."""
