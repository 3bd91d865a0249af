"""How long tests wait for what has to come. It says nothing about speed: only that nothing hangs for ever."""

# A machine with ten times too much to do still gets there.
LONGEST_S = 600
