"""python -m benchmarks NAME: ratios against a peer or a physical limit."""
