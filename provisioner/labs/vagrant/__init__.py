"""Labs of virtual machines: Vagrant makes them as the inventory says, and reports how they are reached."""
