"""Commands for containerd: its settings, its images for Kubernetes, and how its containers are removed.

`ctr` hangs if a shim does not answer: every call of it has a deadline.
"""

from __future__ import annotations

from provisioner.core.command import shell
from provisioner.resources.images import Store

# The kubelet's images and containers are in this namespace; Docker's are in another (moby).
_CTR = "ctr --namespace k8s.io"
_SETTINGS = "timeout 15 containerd config dump 2>/dev/null || :"
_IMAGES = f"timeout 15 {_CTR} images ls -q 2>/dev/null || :"
_DIGESTS = f"timeout 15 {_CTR} images ls 2>/dev/null | awk 'NR > 1 {{ print $1, $3 }}' || :"
# `ctr` uses the mirrors that the kubelet's images are pulled from only with an option, since 1.5.
_PULL = f"""
hosts=
if {_CTR} images pull --help | grep -q -e --hosts-dir; then hosts="--hosts-dir /etc/containerd/certs.d"; fi
timeout 600 {_CTR} images pull $hosts "$2" >/dev/null
{_CTR} images tag --force "$2" "$1"
"""
CONTAINERD_IMAGES = Store(shell(_IMAGES), f'timeout 600 {_CTR} images import "$archive"', shell(_DIGESTS), _PULL)
CONTAINERD_SETTINGS = shell(_SETTINGS)
# kubeadm lists containers with crictl, and leaves all of them running where crictl is missing: the next init would wait
# for minutes for the ports and names that they hold. The kubelet is stopped first, or it would start them again.
# If a shim does not answer, every shim of Kubernetes is killed, and containerd removes what they leave.
CLEARING = f"""
  systemctl stop kubelet.service || :
  k8s() {{ timeout 5 {_CTR} "$@"; }}
  for pass in 1 2 3; do
    if [ "$pass" -gt 1 ]; then pkill -KILL -f "[c]ontainerd-shim.* -namespace k8s.io " || :; fi
    for id in $(k8s tasks ls -q || :); do k8s tasks kill --signal SIGKILL "$id" >/dev/null 2>&1 || :; done
    sleep 1
    for id in $(k8s tasks ls -q || :); do k8s tasks delete "$id" >/dev/null 2>&1 || :; done
    for id in $(k8s containers ls -q || :); do k8s containers delete "$id" >/dev/null 2>&1 || :; done
    if [ -z "$(k8s containers ls -q || echo unknown)" ]; then break; fi
  done
  left=$(k8s containers ls -q || echo unknown)
  if [ -n "$left" ]; then echo "containers that containerd cannot remove: $left" >&2; exit 1; fi
  # The pods' ends of the network go with these; it has given them names of this form since 1.0.
  for place in /run/netns/cni-*; do
    if [ -e "$place" ]; then ip netns delete "${{place##*/}}" || :; fi
  done
  # What it remembers of pods goes with the process.
  systemctl restart containerd.service
"""
