"""Which address, interface and path MTU each host uses: decided once, from facts and measurements. Pure."""
