"""The loop and what it works with: look, plan, apply, look again; the fleet, the run lock, the session, saved plans."""
