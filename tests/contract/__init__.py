"""What we believe of machines: the same tests on a simulated machine and on a real one."""
