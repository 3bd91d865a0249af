"""What every bundle is, whoever has built it: its format, its images, how it is read, served and built in stages."""
