"""Rounds: when to train, the job, the gate, and what is served afterwards."""
