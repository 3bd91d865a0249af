"""A second opinion: looks at the machines and through the cluster, and shares no code with what built them."""
