"""Where packages come from, product by product: what a machine needs to reach them, and at which exact versions."""
