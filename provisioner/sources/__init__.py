"""Where packages come from, product by product: what a host needs to reach them, and their exact versions."""
