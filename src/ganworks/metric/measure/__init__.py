"""What is measured: named figures of two sets of samples, each with the contract it holds under."""
