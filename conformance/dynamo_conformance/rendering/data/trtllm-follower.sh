# sshd as any user: own host keys, own configuration, nothing but the group's key.
for kind in rsa ecdsa ed25519; do
  [ -e "$keys/host_$kind" ] || ssh-keygen -q -t "$kind" -N "" -f "$keys/host_$kind"
done
cat > "$keys/sshd_config" <<END
Port $SSH_PORT
HostKey $keys/host_rsa
HostKey $keys/host_ecdsa
HostKey $keys/host_ed25519
PidFile $keys/sshd.pid
AuthorizedKeysFile $keys/authorized_keys
PubkeyAuthentication yes
PasswordAuthentication no
PermitRootLogin yes
StrictModes no
END
exec /usr/sbin/sshd -D -e -f "$keys/sshd_config"
