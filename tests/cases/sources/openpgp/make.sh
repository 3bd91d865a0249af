#!/bin/sh
# Make the keys in this directory again, with gpg: one for each way in which keys of repositories look. The secret parts
# are thrown away. The tests know no fingerprint: they ask gpg.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export GNUPGHOME
made=20240101T000000

home() {
  GNUPGHOME=$(mktemp -d)
  echo "faked-system-time $made" >"$GNUPGHOME/gpg.conf"
}
quiet() { gpg --batch --quiet --yes --pinentry-mode loopback --passphrase '' "$@"; }
key() { quiet --quick-generate-key "$1" "$2" "$3" "${4:-never}"; }
print() { quiet --with-colons --list-keys "$1" | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1; }
end() { gpgconf --kill all; rm -rf "$GNUPGHOME"; }

home; key 'RSA <rsa@example.org>' rsa2048 sign; quiet --armor --export --output "$here/rsa2048.asc"; end

home; key 'Long <long@example.org>' rsa4096 sign,cert
for use in sign encrypt; do quiet --quick-add-key "$(print Long)" rsa2048 $use 2y; done
quiet --export --output "$here/rsa4096-with-subkeys.gpg"; end

home; key 'DSA <dsa@example.org>' dsa2048 sign,cert
quiet --quick-add-key "$(print DSA)" elg2048 encrypt; quiet --armor --export --output "$here/dsa-elgamal.asc"; end

home; key 'Curve <curve@example.org>' nistp256 sign,cert
quiet --quick-add-key "$(print Curve)" nistp256 encrypt; quiet --armor --export --output "$here/nistp256.asc"; end

home; key 'Edwards <edwards@example.org>' ed25519 cert
quiet --quick-add-key "$(print Edwards)" ed25519 sign
quiet --quick-add-key "$(print Edwards)" cv25519 encrypt; quiet --armor --export --output "$here/ed25519-cv25519.asc"
quiet --quick-set-expire "$(print Edwards)" 20300101T000000; quiet --export --output "$here/expires.gpg"; end

home; key 'One <one@example.org>' ed25519 sign,cert; key 'Friend <friend@example.org>' ed25519 sign,cert
quiet --quick-add-uid "$(print One)" 'Two Ünicode <two@example.org>'
quiet --quick-add-uid "$(print One)" 'Gone <gone@example.org>'
quiet --quick-revoke-uid "$(print One)" 'Gone <gone@example.org>'
quiet --local-user Friend --quick-sign-key "$(print One)"
quiet --armor --export --output "$here/names.asc" "$(print One)"
quiet --export --output "$here/two-keys.gpg"; end

home; key 'Picture <picture@example.org>' ed25519 sign,cert
printf '\377\330\377\340\000\020JFIF\000\001\001\000\000\001\000\001\000\000\377\331' >"$GNUPGHOME/picture.jpg"
printf 'addphoto\n%s\ny\nsave\n' "$GNUPGHOME/picture.jpg" |
  gpg --quiet --no-tty --pinentry-mode loopback --passphrase '' --command-fd 0 --edit-key "$(print Picture)"
quiet --export --output "$here/picture.gpg"; end

home; key 'Revoked <revoked@example.org>' ed25519 sign,cert
certificate="$GNUPGHOME/openpgp-revocs.d/$(print Revoked).rev"
sed 's/^:-----/-----/' "$certificate" | quiet --import
quiet --armor --export --output "$here/revoked.asc"; end

home; key 'Kept <kept@example.org>' ed25519 sign,cert
quiet --export | quiet --no-default-keyring --keyring "gnupg-ring:$GNUPGHOME/ring.gpg" --import
cp "$GNUPGHOME/ring.gpg" "$here/keyring-with-trust.gpg"; end
