"""A second opinion: checks the hosts and the cluster, and shares no code with what built them."""
