"""Which address, interface and largest packet each machine uses: decided once, from facts and measurements. Pure."""
