"""Speed and quality, outside the timed tests; every figure stands beside a peer or a baseline of the same run."""
