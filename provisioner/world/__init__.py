"""What is read from hosts and cluster, with types, and what is decided from it. Pure."""
