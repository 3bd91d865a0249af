"""Labs of virtual machines: Vagrant makes them as the inventory says, and tells how they are reached."""
