#!/bin/sh
# Runs companions beside a sandbox's command. They are children of this shell, so whatever holds the command holds them: the
# user, no capabilities, the seccomp filter, the cgroup, the limits.
#
# Usage: companions "HIDDEN_VARIABLE ..." COUNT PROGRAM... COMMAND ARGUMENT...
# Descriptors: 0 brings the order to start the command (a line), 1 to 3 are the command's own, 4 takes notices of what ended
# ("NUMBER STATUS" or "command STATUS", a line each), 5 is the companions' output.
# What the shell itself has to say, such as how a child ended, is nobody's output.
# Signals: TERM is handed on to the command, USR2 kills it.

# The OCI runtime takes HOME from the user's entry when nobody sets it; Lambda has none.
[ "${HOME-}" != /home/sbx_user1051 ] || unset HOME

hidden=$1
count=$2
shift 2
command=

exec 6>&2 2>/dev/null

trap '[ -z "$command" ] || kill -TERM "$command"' TERM
trap '[ -z "$command" ] || kill -KILL "$command"' USR2

number=0
while [ "$number" -lt "$count" ]; do
  (
    # Each name is a variable's: split here on purpose.
    unset $hidden
    "$1" </dev/null >&5 2>&5 3>&- 4>&- 5>&- 6>&-
    echo "$number $?" >&4
  ) &
  shift
  number=$((number + 1))
done

# Without a reader at its other end the order will never come.
read -r _ || exit 1

"$@" </dev/null 2>&6 4>&- 5>&- 6>&- &
command=$!
# A signal interrupts the wait; what has ended is waited for once, and is then no process any more.
while :; do
  wait "$command"
  status=$?
  kill -0 "$command" || break
done
trap '' TERM USR2
command=
echo "command $status" >&4
wait
