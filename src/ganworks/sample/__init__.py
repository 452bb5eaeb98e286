"""Kinds of samples, and the sampler of a trained generator."""
