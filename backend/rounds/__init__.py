"""Rounds: policy, job, gate, promotion. Each is a row, fails alone, and a challenger has to earn its place."""
