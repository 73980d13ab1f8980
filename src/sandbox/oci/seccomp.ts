/**
 * System calls that code in a sandbox may make. Whatever is not listed does not exist (ENOSYS), which is what programs
 * written for older kernels expect; what would widen a process's reach is refused (EPERM), so that its attempt shows.
 *
 * Left out on purpose: mounts, namespaces, ptrace and reading other processes' memory, bpf, perf, keys, modules, kexec,
 * userfaultfd, io_uring, file handles, quotas, clocks, swap, raw ports, NUMA policies of others.
 * The rest follows from what Node, Python, Go, the JVM, shells and compilers call; Docker's and Podman's default
 * profiles were the yardstick.
 */
const allowed = `
  access alarm arch_prctl bind brk cachestat capget capset chdir chmod chown clock_getres clock_gettime clock_nanosleep close
  close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
  epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat
  faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr
  flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_requeue futex_wait futex_waitv futex_wake
  futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups
  getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage
  getsid getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1
  inotify_rm_watch ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self
  lchown lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise map_shadow_stack
  membarrier memfd_create memfd_secret mincore mkdir mkdirat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify
  mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
  nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free
  pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pwrite64 pwritev pwritev2
  read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat
  renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
  rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
  sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
  sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto
  set_robust_list set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid setpriority
  setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid setxattr shmat shmctl shmdt shmget shutdown
  sigaltstack signalfd signalfd4 splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee
  tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
  timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid
  write writev accept accept4
`;

const refused = `
  acct add_key bpf chroot clock_adjtime clock_settime delete_module fanotify_init finit_module fsconfig fsmount fsopen
  fspick get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load
  kexec_load keyctl lookup_dcookie mbind migrate_pages mount mount_setattr move_mount move_pages
  name_to_handle_at open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_madvise
  process_vm_readv process_vm_writev ptrace quotactl quotactl_fd reboot request_key set_mempolicy setdomainname
  sethostname setns settimeofday swapoff swapon sysfs syslog umount umount2 unshare userfaultfd vhangup
`;

const EPERM = 1;
const ENOSYS = 38;

const S_IFMT = 0o170000;
const S_IFIFO = 0o010000;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const namespaceFlags = 0x7e02_0000;

/** Unix, IPv4, IPv6 and netlink (which Node reads interfaces through). No vsock, no kernel crypto, no raw packets. */
const socketFamilies = [1, 2, 10, 16];

/** Linux as such, and what `setarch` of the same architecture asks for; no other personality (no READ_IMPLIES_EXEC). */
const personalities = [0x0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

/**
 * Type of the ioctl requests that make and share btrfs subvolumes: a subvolume of a tenant's own would lie outside the
 * quota of its `/tmp`. Every other type is allowed.
 */
const refusedIoctlType = 0x94;

interface Argument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: "SCMP_CMP_EQ" | "SCMP_CMP_MASKED_EQ";
}

interface Rule {
  readonly names: readonly string[];
  readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
  readonly errnoRet?: number;
  readonly args?: readonly Argument[];
}

export interface Seccomp {
  readonly defaultAction: "SCMP_ACT_ERRNO" | "SCMP_ACT_ALLOW";
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly Rule[];
}

/** Only the native architecture: 32-bit programs would bring a second, less looked-after table of calls. */
export function seccompProfile(architecture: "x64" | "arm64"): Seccomp {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: ENOSYS,
    architectures: nativeArchitecture(architecture),
    syscalls: [
      { names: names(allowed), action: "SCMP_ACT_ALLOW" },
      { names: names(refused), action: "SCMP_ACT_ERRNO", errnoRet: EPERM },
      {
        names: ["clone"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
      },
      // Its flags lie in memory, where no filter can look: C libraries fall back to clone.
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
      ...socketFamilies.map((family) => onlyWith(["socket", "socketpair"], family)),
      // Named pipes, but no device nodes.
      { names: ["mknod"], action: "SCMP_ACT_ALLOW", args: [ofFileType(1, S_IFIFO)] },
      { names: ["mknodat"], action: "SCMP_ACT_ALLOW", args: [ofFileType(2, S_IFIFO)] },
      ...ioctlsButOfType(refusedIoctlType),
      ...personalities.map((personality) => onlyWith(["personality"], personality)),
    ],
  };
}

/**
 * For gVisor, whose kernel is not the host's: only what no function needs is taken from it. It answers EPERM to whatever a
 * profile refuses, where C libraries fall back from a new call to an old one on ENOSYS alone, so there is no allow list.
 */
export function gvisorSeccompProfile(architecture: "x64" | "arm64"): Seccomp {
  return {
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: nativeArchitecture(architecture),
    syscalls: [{ names: names(refused), action: "SCMP_ACT_ERRNO", errnoRet: EPERM }],
  };
}

function nativeArchitecture(architecture: "x64" | "arm64"): string[] {
  return [architecture === "x64" ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64"];
}

function ofFileType(index: number, type: number): Argument {
  return { index, value: S_IFMT, valueTwo: type, op: "SCMP_CMP_MASKED_EQ" };
}

function onlyWith(called: readonly string[], value: number): Rule {
  return { names: called, action: "SCMP_ACT_ALLOW", args: [{ index: 0, value, op: "SCMP_CMP_EQ" }] };
}

/**
 * The type is the second byte of a request. There is no "unequal under a mask", so: one rule for each of its bits,
 * which allows what differs there.
 */
function ioctlsButOfType(type: number): Rule[] {
  return Array.from({ length: 8 }, (_, bit) => {
    const mask = 1 << (bit + 8);
    const differing = ~(type << 8) & mask;
    return {
      names: ["ioctl"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index: 1, value: mask, valueTwo: differing, op: "SCMP_CMP_MASKED_EQ" }],
    };
  });
}

function names(list: string): string[] {
  return list.split(/\s+/).filter(Boolean);
}
