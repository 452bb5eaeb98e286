"""Weights of official implementations: their layouts, and how ours take them."""
