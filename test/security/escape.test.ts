/**
 * The escape checklist: hostile code in a real sandbox, each test trying one way out. The code runs as a function's
 * would: in the host's read-only user space, with the tools that are there.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import type { Sandbox, SandboxDriver, SandboxSpec } from "../../src/sandbox/contract.ts";
import { shell, specOf, untilOutput } from "../contract/sandbox.ts";
import { SandboxHost, whyNoRunsc } from "../support/sandbox-host.ts";

const python = (script: string): SandboxSpec["argv"] => ["/usr/bin/python3", "-c", script];

/** Defines `attempt(name, number, *arguments)`: makes a system call and prints its name and the error it met. */
const systemCalls = `
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number, *arguments)
    code = ctypes.get_errno()
    print(name, "allowed" if result != -1 else errno.errorcode[code])
`;

const isArm = process.arch === "arm64";

const runscProblem = whyNoRunsc();
test("gVisor's sandboxes are attacked too", { skip: runscProblem ?? false }, () => {
  assert.equal(runscProblem, undefined);
});

for (const runtime of ["runc", "crun", ...(runscProblem === undefined ? (["runsc"] as const) : [])] as const)
  describe(`escape checklist: ${runtime}`, () => {
    /** The kernel that the code meets is gVisor's then: it says other things, and means as little to the host. */
    const isGvisor = runtime === "runsc";
    const host = new SandboxHost();
    const secrets = mkdtempSync(join(tmpdir(), "hearth-secret-"));
    let driver: SandboxDriver;

    before(() => {
      chmodSync(secrets, 0o755);
      driver = host.open({ runtime });
      writeFileSync(join(secrets, "secret"), "the host's secret", { mode: 0o644 });
    });
    after(async () => {
      await host.close();
      rmSync(secrets, { recursive: true, force: true });
    });

    async function run(argv: SandboxSpec["argv"], overrides: Partial<SandboxSpec> = {}) {
      const sandbox = await driver.create(specOf(argv, overrides));
      try {
        const outputs = Promise.all([text(sandbox.stdout), text(sandbox.stderr)]);
        sandbox.telemetry.resume();
        await sandbox.start();
        const exit = await sandbox.exited;
        const usage = sandbox.usage();
        const [stdout, stderr] = await outputs;
        return { exit, usage, stdout, stderr, lines: stdout.trimEnd().split("\n") };
      } finally {
        await sandbox.destroy();
      }
    }

    async function up(argv: SandboxSpec["argv"], overrides: Partial<SandboxSpec> = {}): Promise<Sandbox> {
      const sandbox = await driver.create(specOf(argv, overrides));
      await sandbox.start();
      await untilOutput(sandbox.stdout, "up");
      return sandbox;
    }

    test("nothing of the host's files is there but the read-only user space", async () => {
      const { lines } = await run(
        shell(
          "ls -A /; echo --; ls -A /etc /var /dev; echo --; ls -d /root /home /srv /sys /run /boot /work /mnt 2>/dev/null; cat " +
            join(secrets, "secret"),
        ),
      );

      const [root, places, others] = lines.join("\n").split("--\n");
      const known = new Set([
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "opt",
        "proc",
        ...(isGvisor ? ["sys"] : []),
        "sbin",
        "tmp",
        "usr",
        "var",
      ]);
      for (const entry of (root ?? "").trim().split("\n")) assert(known.has(entry), `/${entry} is there`);
      assert.doesNotMatch(places ?? "", /shadow|hostname|machine-id|ssh|shm|vda|mem|kmsg|lib\/|log/);
      if (!isGvisor) assert.doesNotMatch(places ?? "", /pts/);
      assert.equal((others ?? "").trim(), isGvisor ? "/sys" : "");
    });

    test("runs as Lambda's user, and the password file knows no one of the host", async () => {
      const { stdout } = await run(shell("id; cut -d: -f1 /etc/passwd | tr '\\n' ' '"));

      assert.match(stdout, /^uid=993\(sbx_user1051\) gid=990\(sbx_user1051\) groups=990\(sbx_user1051\)\n/);
      assert.match(stdout, /root sbx_user1051 nobody $/);
    });

    test("the root, /usr and code cannot be written, whoever owns them; /tmp can", async () => {
      const code = join(secrets, "code");
      mkdirSync(code, { recursive: true, mode: 0o777 });
      writeFileSync(join(code, "index.js"), "original", { mode: 0o666 });
      const script =
        "for path in /x /usr/x /etc/passwd /var/task/x /var/task/index.js /opt/x /dev/x /proc/sys/kernel/hostname; do " +
        'if (echo x > "$path") 2>/dev/null; then echo "wrote $path"; fi; done; ' +
        "rm -f /var/task/index.js 2>/dev/null; cat /var/task/index.js; echo; echo ok > /tmp/x && cat /tmp/x";

      const { stdout } = await run(shell(script), { mounts: [{ source: code, target: "/var/task" }] });

      assert.equal(stdout, "original\nok\n");
    });

    test("a shared directory is its owner's, whatever the sandbox's user is called on the host", async () => {
      const shared = join(secrets, "shared");
      mkdirSync(shared);
      writeFileSync(join(shared, "other"), "of root", { mode: 0o600 });
      chownSync(shared, 4321, 4322);
      const command =
        'echo hello > /mnt/data/file; stat -c "%u %g" /mnt/data/file; id -u; cat /mnt/data/other; echo $?';
      const [one, two] = await Promise.all(
        [command, "cat /mnt/data/file; echo more >> /mnt/data/file"].map((script) =>
          driver.create(specOf(shell(script), { attachPoints: ["/mnt/data"] })),
        ),
      );
      assert(one !== undefined && two !== undefined);
      try {
        if (isGvisor) {
          await assert.rejects(one.share({ source: shared, target: "/mnt/data" }), /runsc shares no writable/);
          return;
        }
        await one.share({ source: shared, target: "/mnt/data" });
        await one.start();
        const [stdout, stderr] = await Promise.all([text(one.stdout), text(one.stderr)]);
        assert.equal(stdout, "993 990\n993\n1\n");
        assert.match(stderr, /Permission denied/);
        const { uid, gid } = statSync(join(shared, "file"));
        assert.deepEqual([uid, gid], [4321, 4322]);

        await two.share({ source: shared, target: "/mnt/data" });
        await two.start();
        assert.equal(await text(two.stdout), "hello\n");
        assert.equal(readFileSync(join(shared, "file"), "utf8"), "hello\nmore\n");
        await assert.rejects(two.share({ source: secrets, target: "/mnt/data" }), /belongs to root/);
      } finally {
        await Promise.all([one.destroy(), two.destroy()]);
      }
    });

    test("code attached to a running sandbox is read-only too, and seen by no other sandbox", async () => {
      const code = join(secrets, "attached");
      mkdirSync(code, { mode: 0o755 });
      writeFileSync(join(code, "index.js"), "attached", { mode: 0o666 });
      const wait = "echo up; until [ -e /var/task/index.js ]; do sleep 0.01; done; cat /var/task/index.js; ";
      const sandbox = await up(shell(`${wait} (echo x > /var/task/index.js) 2>/dev/null || echo " read-only"`), {
        attachPoints: ["/var/task"],
      });
      const other = await up(shell("echo up; read -r line < /dev/null; ls -A /var/task; sleep 1000"), {
        attachPoints: ["/var/task"],
      });
      try {
        sandbox.attach({ source: code, target: "/var/task" });

        assert.equal(await text(sandbox.stdout), "attached read-only\n");
        assert.equal(readFileSync(join(code, "index.js"), "utf8"), "attached");
        assert(!readFileSync("/proc/self/mountinfo", "utf8").includes(code), "no mount is left on the host");
      } finally {
        await Promise.all([sandbox.destroy(), other.destroy()]);
      }
    });

    test("no other process is visible: not the host's, not another sandbox's", async () => {
      const other = await up(shell("echo up; exec sleep 31415"));
      try {
        const { stdout } = await run(
          shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; ls -d /proc/[0-9]* | wc -l"),
        );

        assert.doesNotMatch(stdout, /31415|node/);
        assert(Number(stdout.trimEnd().split("\n").at(-1)) <= 5);
      } finally {
        await other.destroy();
      }
    });

    test("another sandbox's files are out of reach, /tmp included", async () => {
      const other = await up(shell("echo secret > /tmp/secret; chmod 666 /tmp/secret; echo up; sleep 1000"));
      try {
        const { stdout } = await run(shell("cat /tmp/secret /proc/*/root/tmp/secret 2>/dev/null; ls -A /tmp"));

        assert.equal(stdout, "");
      } finally {
        await other.destroy();
      }
    });

    test("loopback is the sandbox's own: neither the host's ports nor another sandbox's answer", async () => {
      const server = createServer((socket) => socket.end("host")).listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const other = await up(shell("echo up; sleep 1000"), { listenPorts: [9001] });
      try {
        const script = `
import socket
for port in (${port}, 9001):
    try:
        socket.create_connection(("127.0.0.1", port), 5)
        print("connected")
    except OSError as error:
        print(error.strerror)
print(socket.if_nameindex())`;
        const { lines } = await run(python(script));

        assert.deepEqual(lines.slice(0, 2), ["Connection refused", "Connection refused"]);
        assert.equal(lines[2], "[(1, 'lo')]");
      } finally {
        server.close();
        await other.destroy();
      }
    });

    test("abstract sockets of the host are out of reach", async () => {
      const name = `\0hearth-test-${process.pid}`;
      const server = createServer().listen(name);
      await once(server, "listening");
      try {
        const script = `
import socket
s = socket.socket(socket.AF_UNIX)
try:
    s.connect("\\0hearth-test-${process.pid}")
    print("connected")
except OSError as error:
    print(error.strerror)`;
        const { lines } = await run(python(script));

        assert.deepEqual(lines, ["Connection refused"]);
      } finally {
        server.close();
      }
    });

    test("holds no capability and cannot gain one: no_new_privs, a seccomp filter, no setuid", async () => {
      const { stdout } = await run(shell("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status"));

      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
        if (isGvisor && set === "CapAmb") continue; // not told
        assert.match(stdout, new RegExp(`^${set}:\\s+0{16}$`, "m"));
      }
      if (!isGvisor) assert.match(stdout, /^NoNewPrivs:\s+1$/m);
      assert.match(stdout, /^Seccomp:\s+2$/m);
    });

    for (const workingDirectory of ["/", "/tmp", "/var/task"]) {
      test(`all mounts are read-only but /tmp, without setuid and devices (working in ${workingDirectory})`, async () => {
        const { lines } = await run(shell("cut -d' ' -f2,4 /proc/self/mounts"), {
          workingDirectory,
          mounts: [{ source: secrets, target: "/var/task" }],
        });

        for (const line of lines) {
          const [target = "", list = ""] = line.split(" ");
          const options = list.split(",");
          if (target.startsWith("/proc/")) continue; // masks, which the runtime puts over single pages
          if (isGvisor) {
            // Its /sys and /dev/pts are made up; what it takes for a writable /dev is read-only on the host.
            const isOwn = ["/proc", "/sys", "/dev", "/dev/pts"].includes(target);
            assert(options.includes("ro") || target === "/tmp" || isOwn, line);
            continue;
          }
          assert(options.includes("nosuid"), line);
          assert(options.includes("nodev") || target === "/dev", line);
          assert(options.includes("ro") || target === "/tmp" || target === "/proc", line);
        }
        assert(
          isGvisor ||
            (lines.some((line) => line.startsWith("/usr ")) && lines.some((line) => line.startsWith("/var/task "))),
        );
      });
    }

    test("a setuid program gains nothing", async () => {
      const script = "cp /usr/bin/id /tmp/id; chmod 6755 /tmp/id; /tmp/id -u; ls -n /usr/bin/su | cut -d' ' -f3";
      const { lines } = await run(shell(script));

      assert.equal(lines[0], "993");
    });

    test("mounts, namespaces, ptrace, bpf, keys, modules and the rest of the kernel's tools are refused", async () => {
      const numbers = isArm
        ? {
            mount: 40,
            umount2: 39,
            pivot_root: 41,
            chroot: 51,
            unshare: 97,
            setns: 268,
            ptrace: 117,
            keyctl: 219,
            add_key: 217,
            init_module: 105,
            reboot: 142,
            swapon: 224,
            perf_event_open: 241,
            bpf: 280,
            userfaultfd: 282,
            process_vm_readv: 270,
            kexec_load: 104,
            open_by_handle_at: 265,
            syslog: 116,
            settimeofday: 170,
            sethostname: 161,
          }
        : {
            mount: 165,
            umount2: 166,
            pivot_root: 155,
            chroot: 161,
            unshare: 272,
            setns: 308,
            ptrace: 101,
            keyctl: 250,
            add_key: 248,
            init_module: 175,
            reboot: 169,
            swapon: 167,
            perf_event_open: 298,
            bpf: 321,
            userfaultfd: 323,
            process_vm_readv: 310,
            kexec_load: 246,
            open_by_handle_at: 304,
            syslog: 103,
            settimeofday: 164,
            sethostname: 170,
          };
      const modern = {
        io_uring_setup: 425,
        open_tree: 428,
        move_mount: 429,
        fsopen: 430,
        pidfd_getfd: 438,
        mount_setattr: 442,
      };
      const calls = { ...numbers, ...modern };
      const attempts = Object.entries(calls).map(([name, number]) => `attempt("${name}", ${number}, 0, 0, 0, 0, 0)`);

      const { lines } = await run(python(systemCalls + attempts.join("\n")));

      assert.deepEqual(
        // gVisor has not heard of all of them.
        isGvisor ? lines.map((line) => line.replace("ENOSYS", "EPERM")) : lines,
        Object.keys(calls).map((name) => `${name} EPERM`),
      );
    });

    const ownNamespaces = "gVisor's user namespaces are its own: the host has no part in them";
    test("no user namespace can be made, through clone or clone3", { skip: isGvisor && ownNamespaces }, async () => {
      const [clone, clone3] = isArm ? [220, 435] : [56, 435];
      const { lines } = await run(
        python(`${systemCalls}
attempt("clone", ${clone}, 0x10000000 | 17, 0, 0, 0, 0)
attempt("clone3", ${clone3}, 0, 0)
print(os.fork() >= 0 and "forks")`),
      );

      assert.deepEqual([...new Set(lines)], ["clone ENOSYS", "clone3 ENOSYS", "forks"]);
    });

    test("no btrfs subvolume can be made beside the quota of /tmp; other requests to devices work", async () => {
      const script = `
import array, errno, fcntl, os, termios
directory = os.open("/tmp", os.O_RDONLY)
for request in (0x5000940e, 0x50009418, 0x50009401, 0x50009417):
    try:
        fcntl.ioctl(directory, request, bytes(512))
        print("made")
    except OSError as error: print(errno.errorcode[error.errno])
reader, writer = os.pipe()
os.write(writer, b"12345")
waiting = array.array("i", [0])
fcntl.ioctl(reader, termios.FIONREAD, waiting)
print(waiting[0])`;
      const { lines } = await run(python(script));

      const refusal = isGvisor ? "ENOTTY" : "ENOSYS";
      assert.deepEqual(lines, [refusal, refusal, refusal, refusal, "5"]);
    });

    test("no device can be made or opened but those that hold nothing; there is no /dev/shm", async () => {
      const script = `
import os, stat
for name in sorted(os.listdir("/dev")):
    mode = os.stat("/dev/" + name, follow_symlinks=False).st_mode
    print(name, "device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "other")
try:
    os.mknod("/tmp/disk", stat.S_IFBLK | 0o666, os.makedev(254, 0)); print("made")
except OSError as error: print(error.strerror)
os.mkfifo("/tmp/pipe")
print(open("/dev/urandom", "rb").read(4) != b"", open("/dev/null", "w").write("x"))`;
      const { lines } = await run(python(script));

      const devices = lines.filter((line) => line.endsWith(" device")).map((line) => line.split(" ")[0]);
      assert.deepEqual(devices, ["full", "null", "random", "urandom", "zero"]);
      const others = lines.filter((line) => line.endsWith(" other")).map((line) => line.split(" ")[0]);
      const pts = isGvisor ? ["pts"] : [];
      assert.deepEqual(others, ["companions", "fd", "init", ...pts, "stderr", "stdin", "stdout"]);
      const refusal = isGvisor ? "Operation not permitted" : "Function not implemented";
      assert.deepEqual(lines.slice(-2), [refusal, "True 1"]);
    });

    test("the host's side of /proc is masked or read-only", async () => {
      const script =
        "for page in kcore keys timer_list sched_debug latency_stats kallsyms; do " +
        "[ -e /proc/$page ] && head -c 64 /proc/$page 2>/dev/null | wc -c; done; " +
        "for page in sysrq-trigger sys/kernel/core_pattern sys/vm/drop_caches irq/default_smp_affinity; do " +
        '(echo 1 > /proc/$page) 2>/dev/null && echo "wrote $page"; done; true';
      const { lines } = await run(shell(script));

      // gVisor has none of them.
      assert.deepEqual([...new Set(lines)], isGvisor ? [""] : ["0"]);
    });

    test("a fork bomb ends at 1024 processes and harms nobody", async () => {
      const bomb = await up(
        python(`
import os, time
print("up", flush=True)
made = 0
while True:
    try:
        if os.fork() == 0:
            time.sleep(1000)
    except OSError:
        break
    made += 1
print("made", made, flush=True)
time.sleep(1000)`),
        { limits: { memoryMiB: 1024, cpuMilli: 1000, cpuMode: "share" } },
      );
      try {
        // The kernel that must make each of them a process of the host ends where the host makes no more.
        if (isGvisor) {
          await bomb.exited;
          assert.equal((await run(shell("echo fine"))).stdout, "fine\n");
          return;
        }
        const made = Number(/made (\d+)/.exec(await untilOutput(bomb.stdout, "\n"))?.[1]);

        assert(made > 900 && made < 1024, `${made} processes`);
        assert(bomb.usage().processes <= 1024);
        assert.equal((await run(shell("echo fine"))).stdout, "fine\n");
      } finally {
        await bomb.destroy();
      }
    });

    test("what exceeds the memory limit is killed, and reported as out of memory", async () => {
      const { exit, usage } = await run(python("x = bytearray(300 * 2**20)"));

      assert.deepEqual(exit, { kind: "out-of-memory" });
      assert(usage.oomKills > 0);
      assert(usage.memoryPeakBytes <= 128 * 2 ** 20);
    });

    test("a child that runs out of memory does not make its parent's own end one", async () => {
      const { exit, usage } = await run(shell('/usr/bin/python3 -c "bytearray(300 * 2**20)" 2>/dev/null; exit 6'));

      // The memory of all is gVisor's: what is killed is the sandbox.
      assert.deepEqual(exit, isGvisor ? { kind: "out-of-memory" } : { kind: "exited", code: 6 });
      assert(usage.oomKills > 0);
    });

    test("opens at most 1024 files", async () => {
      const { lines } = await run(shell("ulimit -n; ulimit -Hn; ulimit -n 4096 2>/dev/null || echo refused"));

      assert.deepEqual(lines, ["1024", "1024", "refused"]);
    });

    test("nothing outlives its environment: daemons of their own session, deaf to signals, frozen", async () => {
      const sandbox = await up(
        python(`
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except OSError: pass
        print("up", flush=True)
        time.sleep(1000)
    os._exit(0)
time.sleep(1000)`),
      );
      sandbox.freeze();

      await sandbox.destroy();

      assert(!readFileSync("/proc/self/mountinfo", "utf8").includes(sandbox.id));
      assert.deepEqual(host.cgroupsOf(sandbox.id), []);
    });

    test("descriptors of the worker do not leak into a sandbox", async () => {
      const { lines } = await run(
        shell("ls /proc/$$/fd; for fd in 0 1 2 3; do readlink /proc/$$/fd/$fd | cut -d: -f1; done"),
      );

      const targets = isGvisor ? ["host", "host", "host", "host"] : ["/dev/null", "pipe", "pipe", "pipe"];
      assert.deepEqual(lines, ["0", "1", "2", "3", ...targets]);
    });

    test("neighbours run under uids of their own", async () => {
      const [first, second] = await Promise.all([up(shell("echo up; sleep 1000")), up(shell("echo up; sleep 1000"))]);
      try {
        assert.notEqual(first.tmp.uidBase, second.tmp.uidBase);
        assert.equal(Math.abs(first.tmp.uidBase - second.tmp.uidBase) % 65_536, 0);
      } finally {
        await Promise.all([first.destroy(), second.destroy()]);
      }
    });

    test("/dev/stdout, /dev/stderr and /dev/fd can be opened, as programs expect of pipes", async () => {
      const { stdout, stderr } = await run(
        shell("echo out > /dev/stdout; echo err > /dev/stderr; echo more > /dev/fd/1"),
      );

      assert.equal(stdout, "out\nmore\n");
      assert.equal(stderr, "err\n");
    });
  });
