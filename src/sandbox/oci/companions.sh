#!/bin/sh
# Runs companions beside a sandbox's command. They are children of this shell, so whatever holds the command holds them: the
# user, no capabilities, the seccomp filter, the cgroup, the limits.
#
# Usage: companions "HIDDEN_VARIABLE ..." COUNT PROGRAM... COMMAND ARGUMENT...
# Descriptors: 0 brings the order to start the command (a line), 1 to 3 are the command's own, 4 takes notices of what ended
# ("NUMBER STATUS" or "command STATUS", a line each), 5 is the companions' output.
# What the shell itself has to say, such as how a child ended, is nobody's output.
# Signals: TERM is handed on to the command, USR2 kills it.
# Its variables begin with _, since the names in a function's environment begin with a letter: the command finds
# those as they were set.

# The OCI runtime takes HOME from the user's entry when nobody sets it; Lambda has none.
[ "${HOME-}" != /home/sbx_user1051 ] || unset HOME

_hidden=$1
_count=$2
shift 2
_command=
_early=

exec 6>&2 2>/dev/null

# A signal can come when the command runs and the shell does not know its number yet: it is kept until then.
hand_on() {
  _interrupted=yes
  if [ -n "$_command" ]; then kill "-$1" "$_command"; else _early="$_early $1"; fi
}
trap 'hand_on TERM' TERM
trap 'hand_on KILL' USR2

_number=0
while [ "$_number" -lt "$_count" ]; do
  (
    # Each name is a variable's: split here on purpose.
    unset $_hidden
    "$1" </dev/null >&5 2>&5 3>&- 4>&- 5>&- 6>&-
    echo "$_number $?" >&4
  ) &
  shift
  _number=$((_number + 1))
done

# Without a reader at its other end the order will never come.
read -r _ || exit 1

"$@" </dev/null 2>&6 4>&- 5>&- 6>&- &
_command=$!
for _signal in $_early; do kill "-$_signal" "$_command"; done
# A signal interrupts the wait, whose status then is the signal's. When it came just as the command had ended, the next wait
# does not know the command any more (127), and the status before was the command's own.
_status=
while :; do
  _interrupted=
  wait "$_command"
  _waited=$?
  [ -n "$_status" ] && [ "$_waited" -eq 127 ] || _status=$_waited
  [ -n "$_interrupted" ] || break
done
trap '' TERM USR2
_command=
echo "command $_status" >&4
wait
