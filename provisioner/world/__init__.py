"""What is seen of machines and cluster, typed as it is read, and what is decided from it. Pure."""
