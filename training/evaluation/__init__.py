"""Splits, metrics, intervals, comparison, report: what is measured was never learnt from."""
