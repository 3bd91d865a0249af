"""What is read from machines and files, given hundreds of thousands of inputs that nobody would write."""
