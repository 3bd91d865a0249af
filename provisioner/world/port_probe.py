"""How a host finds out whether ports of other hosts can be reached while no program listens there yet: a program in
Perl, which Debian and Ubuntu always have (perl-base), for all ports at once.

A closed port is as good as an open one: a refusal shows that the probe has arrived. TCP refuses by itself; for UDP and
IP protocols the other kernel answers "unreachable" by ICMP, at most about once a second. An ICMP message that prohibits
the traffic comes from a firewall. Silence is proof only for TCP: with others, ICMP may be dropped, or a program listens
and does not answer. A firewall that refuses exactly as a closed port does cannot be distinguished from one.
"""

from __future__ import annotations

# Arguments: four words for each address: the first is the address and the last its ports, such as
# `TCP 179,IP protocol 4`. It prints `10.0.0.2 TCP 179: passes`, and nothing for what it could not try.
PORT_PROBE = r"""
use strict;
use warnings;
use Socket qw(:DEFAULT SOCK_NONBLOCK);
use Errno qw(ECONNREFUSED ECONNRESET EINPROGRESS EAGAIN EINTR);
# Every half second for four: TCP's own tries come after one and three. A process may have 1024 files open.
my ($rounds, $round_s, $at_once) = (8, 0.5, 400);
my ($icmp, @open, @todo);
$| = 1;

sub answer {
  my ($one, $word) = @_;
  print "$one->{to} $one->{kind} $one->{number}: $word\n";
  @open = grep { $_ != $one } @open;
}

sub judge {
  my ($one, $error) = @_;
  return if grep { $error == $_ } EAGAIN, EINTR, EINPROGRESS;
  answer($one, (grep { $error == $_ } 0, ECONNREFUSED, ECONNRESET) ? "passes" : "filtered");
}

sub begin {
  my ($to, $kind, $number) = @_;
  my $one = {to => $to, kind => $kind, number => $number, at => inet_aton($to)};
  my ($type, $protocol) = $kind eq "TCP" ? (SOCK_STREAM, 6) : $kind eq "UDP" ? (SOCK_DGRAM, 17) : (SOCK_RAW, 255);
  socket($one->{socket}, PF_INET, $type | SOCK_NONBLOCK, $protocol) or return;
  if ($type == SOCK_RAW) {
    $icmp or socket($icmp, PF_INET, SOCK_RAW | SOCK_NONBLOCK, 1) or return;
    push @open, $one;
    return;
  }
  push @open, $one;
  # IP_RECVERR: errors that the kernel takes for passing are told too.
  setsockopt $one->{socket}, 0, 11, 1 if $kind eq "UDP";
  my $done = connect $one->{socket}, pack_sockaddr_in($number, $one->{at});
  judge($one, $done ? 0 : $!) unless $done && $kind eq "UDP";
}

sub probe {
  my ($one) = @_;
  my $sent = 1;
  if ($one->{kind} eq "UDP") {
    $sent = send $one->{socket}, "provisioner", 0;
  } elsif ($one->{kind} ne "TCP") {
    # With a header of its own: a socket of that protocol would take the far end's probes, and these had no answer.
    my $packet = pack "CCnnnCCna4a4x8", 69, 0, 28, 0, 0, 64, $one->{number}, 0, "", $one->{at};
    $sent = send $one->{socket}, $packet, 0, pack_sockaddr_in(0, $one->{at});
  }
  judge($one, $!) unless defined $sent;
}

# Of IP protocols: one that is not known there, or that nobody uses there, has been heard.
sub hear {
  while (defined recv $icmp, my $packet, 2048, 0) {
    my $told = substr $packet, 4 * (15 & ord $packet);
    next if length $told < 28;
    my ($type, $code, $number, $at) = unpack "CCx6x9Cx6a4", $told;
    next if $type != 3 || $code == 4;
    my @meant = grep { $_->{kind} eq "IP protocol" && $_->{number} == $number && $_->{at} eq $at } @open;
    answer($_, $code == 2 || $code == 3 ? "passes" : "filtered") for @meant;
  }
}

sub wait_for {
  my ($left) = @_;
  while ($left > 0 && @open) {
    my ($read, $write) = ("", "");
    vec($read, fileno $icmp, 1) = 1 if $icmp;
    for (@open) {
      vec($write, fileno $_->{socket}, 1) = 1 if $_->{kind} eq "TCP";
      vec($read, fileno $_->{socket}, 1) = 1 if $_->{kind} eq "UDP";
    }
    (my $found, $left) = select $read, $write, undef, $left;
    last if $found < 1;
    for my $one (my @now = @open) {
      my $file = fileno $one->{socket};
      if ($one->{kind} eq "TCP" && vec $write, $file, 1) {
        judge($one, unpack "i", getsockopt $one->{socket}, SOL_SOCKET, SO_ERROR);
      } elsif ($one->{kind} eq "UDP" && vec $read, $file, 1) {
        judge($one, defined recv($one->{socket}, my $said, 64, 0) ? 0 : $!);
      }
    }
    hear() if $icmp && vec $read, fileno $icmp, 1;
  }
}

while (my ($address, undef, undef, $ports) = splice @ARGV, 0, 4) {
  push @todo, map { [$address, /(.+) (\d+)/] } split /,/, $ports;
}
while (@todo) {
  begin(@$_) for splice @todo, 0, $at_once;
  for (1 .. $rounds) {
    probe($_) for my @now = @open;
    wait_for($round_s);
  }
  answer($_, $_->{kind} eq "TCP" ? "filtered" : "no answer") for my @now = @open;
}
""".strip()
