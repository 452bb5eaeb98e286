"""The data card: what is in a data set of images, and what the networks will see of it."""
