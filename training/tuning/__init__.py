"""Searching for better settings: measuring some out of fold, and telling a gain from noise."""
