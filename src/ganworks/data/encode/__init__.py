"""The moments of a folder of images."""
