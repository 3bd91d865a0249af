"""`python -m tests.bench`: a run with nothing to do, beside the same things held by Ansible and by pyinfra."""
