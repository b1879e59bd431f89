set -eu
# One key pair for the whole group: it opens every node's ssh and is trusted by every node.
keys="$HOME/.ssh"
mkdir -p "$keys"
chmod 700 "$keys"
cp /ssh-pk/private.key "$keys/id_rsa"
cp /ssh-pk/private.key.pub "$keys/id_rsa.pub"
cp /ssh-pk/private.key.pub "$keys/authorized_keys"
chmod 600 "$keys/id_rsa" "$keys/authorized_keys"
cat > "$keys/config" <<END
Host *
  Port $SSH_PORT
  IdentityFile $keys/id_rsa
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
END
