"""Package sources: keys, versions, what is asked and answered."""
