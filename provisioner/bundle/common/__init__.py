"""What all bundles share: their format and images, and how they are read, served and built in stages."""
