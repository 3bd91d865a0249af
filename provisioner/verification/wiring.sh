# Shows how one host's network is wired, in sections; sent once to each host that may be the cause of a path that does
# not work (bash, root). It only reads. What is missing gives an empty section, never a failure.
# $1: a separator before each section's name; then pairs NAME ADDRESS: the route to each address is shown.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
export PATH LC_ALL
exec </dev/null 2>/dev/null

separator=$1
shift
section() { printf '\n%s %s\n' "$separator" "$1"; }

# Both kinds of iptables may have rules at the same time. kube-proxy's own chains are long, and are not a firewall.
firewall() {
    if command -v iptables-nft-save iptables-legacy-save >/dev/null; then
        iptables-nft-save
        iptables-legacy-save
    else
        iptables-save
    fi | awk '/^\*/ { table = $1 } table != "*nat"' | grep -v '^:KUBE-\|^-A KUBE-'
}

ways() {
    while [ $# -gt 1 ]; do
        echo "$1 $(ip -o -4 route get fibmatch "$2" | head -n 1)"
        shift 2
    done
}

# `SERVER ok` when the host itself can connect to the API server that its kubelet uses.
api_server() {
    server=$(sed -n 's|^ *server: *https://||p' /etc/kubernetes/kubelet.conf | head -n 1)
    [ -n "$server" ] || return
    if timeout 3 bash -c 'exec 3<>"/dev/tcp/${1%:*}/${1##*:}"' connect "$server"; then echo "$server ok"; else echo "$server failed"; fi
}

# kube-proxy's healthz answers 503 when it has not written its rules for a while.
proxy_health() {
    timeout 3 bash -c 'exec 3<>/dev/tcp/127.0.0.1/10256 && printf "GET /healthz HTTP/1.0\r\n\r\n" >&3 && head -n 1 <&3'
}

section firewall; firewall
section sysctls; grep -H . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/rp_filter
section links; ip -o -d -s link show
section addresses; ip -o -4 address show
section fdb; bridge fdb show
section ways; ways "$@"
section proxies; cat /proc/[0-9]*/comm | grep -x -e kube-proxy -e kube-router -e cilium-agent | sort -u
section proxy-health; proxy_health
section cni; ls /etc/cni/net.d
section api-server; api_server
section end
