"""`python -m provisioner` is the same as the command `provisioner`."""

from provisioner.cli import main

if __name__ == "__main__":
    main()
