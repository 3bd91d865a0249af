"""Wait on a host until a condition holds: a line every few seconds says for what, and there is a deadline."""

from __future__ import annotations

_LOOP = """
SETUP
began=$(date +%s) next=0 said=
until CONDITION; do
  waited=$(($(date +%s) - began))
  if [ "$waited" -ge "DEADLINE" ]; then
    if [ -n "$said" ]; then echo "$said" >&2; fi
    echo "gave up after $waited s of waiting until WHAT" >&2
    exit 1
  fi
  if [ "$waited" -ge "$next" ]; then echo "waiting until WHAT ($waited s)"; next=$((waited + 5)); fi
  sleep 1
done
"""


def until(condition: str, what: str, deadline_s: str, setup: str = "") -> str:
    """A script that waits until the condition (shell) holds, or fails; `what` completes "waiting until".

    `what` and `deadline_s` are expanded by the shell, and may use variables that the condition sets. The content of
    `$said` is printed when the deadline has passed.
    """
    parts = {"SETUP": setup.strip(), "CONDITION": condition, "DEADLINE": deadline_s, "WHAT": what}
    text = _LOOP
    for place, part in parts.items():
        text = text.replace(place, part)
    return text
