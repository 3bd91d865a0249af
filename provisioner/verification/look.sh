# Shows the state of one host, in sections; the verification sends this script once to each host (bash, root).
# $1: a separator before each section's name; $2: how the pods' addresses begin, such as 10.244.
# It only reads. What is missing gives an empty section, never a failure. No private key is printed.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
export PATH LC_ALL
exec </dev/null 2>/dev/null

section() { printf '\n%s %s\n' "$separator" "$1"; }

# HTTP without a client: `ask PORT PATH` prints the body's last line.
ask() {
    timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET %s HTTP/1.0\r\n\r\n" "$2" >&3 && cat <&3' ask "$@" |
        tail -n 1
}

certificates() {
    for file in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /var/lib/kubelet/pki/kubelet-client-current.pem; do
        if [ -e "$file" ]; then
            echo "file $file"
            sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' "$file"
        fi
    done
    for file in /etc/kubernetes/*.conf; do
        data=$(sed -n 's/^ *client-certificate-data: *//p' "$file")
        if [ -n "$data" ]; then
            echo "file $file"
            echo "$data" | base64 -d
        fi
    done
}

api_server() {
    endpoint=$(sed -n 's/.*kube-apiserver.advertise-address.endpoint: *//p' /etc/kubernetes/manifests/kube-apiserver.yaml)
    [ -n "$endpoint" ] || return
    timeout 15 kubectl --kubeconfig /etc/kubernetes/admin.conf --server "https://$endpoint" get --raw /readyz 2>&1
}

# The cgroup driver that each runtime reports, and the one that the pods' cgroups in the kernel show.
cgroup_drivers() {
    echo "docker $(timeout 15 docker info --format '{{.CgroupDriver}}')"
    case $(timeout 15 containerd config dump | sed -n 's/^ *SystemdCgroup *= *//p') in
        true) echo "containerd systemd" ;;
        false) echo "containerd cgroupfs" ;;
    esac
    echo "cri-o $(timeout 15 crio status --socket /var/run/crio/crio.sock config |
        sed -n 's/^ *cgroup_manager *= *"\(.*\)".*/\1/p')"
    cat /proc/[0-9]*/cgroup | sed -n 's|.*/kubepods\.slice/.*|pods systemd|p; s|.*/kubepods/.*|pods cgroupfs|p' | sort -u
}

# Without a package, the binaries report their version, after a v.
programs() {
    echo "kubelet $(timeout 15 kubelet --version | sed -n 's/^Kubernetes v//p')"
    echo "kubeadm $(timeout 15 kubeadm version -o short | sed 's/^v//')"
    echo "kubectl $(timeout 15 kubectl version --client -o yaml | sed -n 's/^ *gitVersion: v//p')"
}

separator=$1
section clock; date +%s.%N
section user; id -u
section hostname; hostname
section packages; dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n'  \
    kubelet kubeadm kubectl docker.io docker-ce containerd containerd.io cri-dockerd cri-o kubernetes-cni containernetworking-plugins
section programs; [ "$(dpkg-query -W -f '${db:Status-Status}' kubelet)" = installed ] || programs
section holds; apt-mark showhold
section units; systemctl show docker.service cri-docker.service containerd.service crio.service kubelet.service  \
    -p Id,LoadState,ActiveState,SubState,UnitFileState
section cgroup-drivers; cgroup_drivers
section sysctls; grep -H . /proc/sys/net/ipv4/ip_forward /proc/sys/net/bridge/bridge-nf-call-iptables /proc/sys/net/bridge/bridge-nf-call-ip6tables
section sysctl-files; grep -HvE '^[[:space:]]*([#;]|$)' /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf
section modules; cat /proc/modules
section filesystems; cat /proc/filesystems
section module-files; cat /etc/modules /etc/modules-load.d/*.conf /run/modules-load.d/*.conf /usr/lib/modules-load.d/*.conf
section swaps; tail -n +2 /proc/swaps
section fstab; cat /etc/fstab
section listening; ss -Hltn
section files; find /etc/kubernetes /var/lib/etcd /var/lib/kubelet/pki /var/lib/kubelet/config.yaml -maxdepth 3 \
    -printf '%m %u:%g %y %p\n'
section certificates; certificates
section healthz; ask 10248 /healthz
section readyz; api_server
section plug-ins; ls /opt/cni/bin
section cni; grep -H . /etc/cni/net.d/*
section routes; ip -4 route show
section addresses; ip -o -4 address show
section packet-sizes; grep -H . /sys/class/net/*/mtu
section network-record; cat /var/lib/provisioner/network.json
section enabled; find /etc/systemd/system -path '*.wants/*' -printf '%f\n' -o -path '*.requires/*' -printf '%f\n'
section route-files; grep -rHF "$2" /etc/systemd /etc/network /etc/netplan /etc/NetworkManager /usr/local /usr/lib/systemd/system
section unit-files; grep -rHE '^Exec|^EnvironmentFile' /etc/systemd/system
section end
