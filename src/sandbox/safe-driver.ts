/**
 * What every driver promises around its sandboxes: a specification is checked before anything is made, an id and a
 * `/tmp` volume belong to one living sandbox at a time, and `close` leaves none behind.
 */
import type {
  HostMemory,
  RecoveryReport,
  Sandbox,
  SandboxDriver,
  SandboxId,
  SandboxSpec,
  TmpVolume,
} from "./contract.ts";
import { checkSpec } from "./check-spec.ts";
import { SafeSandbox } from "./safe-sandbox.ts";

export abstract class SafeDriver implements SandboxDriver {
  abstract readonly name: string;
  readonly #living = new Map<SandboxId, SafeSandbox>();
  readonly #creating = new Map<SandboxId, Promise<Sandbox>>();
  readonly #volumesInUse = new Set<string>();
  #isClosed = false;

  /** Makes the sandbox, or fails and leaves nothing behind. */
  protected abstract make(spec: SandboxSpec): Promise<Sandbox>;
  abstract prepareEgressList(ranges: readonly string[]): Promise<void>;
  abstract hasEgressList(ranges: readonly string[]): boolean;
  abstract hostMemory(): HostMemory;
  abstract usedMemoryBytes(): number;
  protected abstract shutDown(): Promise<void>;
  protected abstract removeVolume(volume: TmpVolume): Promise<void>;
  protected abstract removeLeftovers(): Promise<RecoveryReport>;

  async recover(): Promise<RecoveryReport> {
    // What lives now cannot be told from what was left.
    if (this.#living.size + this.#creating.size > 0) throw new Error("recovery comes before the first sandbox");
    return this.removeLeftovers();
  }

  async create(spec: SandboxSpec): Promise<Sandbox> {
    if (this.#isClosed) throw new Error(`the sandbox driver ${this.name} is closed`);
    checkSpec(spec);
    if (this.#living.has(spec.id) || this.#creating.has(spec.id)) throw new Error(`sandbox id ${spec.id} is in use`);
    const reused = "volume" in spec.tmp ? spec.tmp.volume.id : undefined;
    if (reused !== undefined && this.#volumesInUse.has(reused)) throw new Error(`volume ${reused} is in use`);
    if (reused !== undefined) this.#volumesInUse.add(reused);

    const creation = this.make(spec);
    this.#creating.set(spec.id, creation);
    try {
      const inner = await creation;
      const volumeId = inner.tmp.id;
      this.#volumesInUse.add(volumeId);
      const sandbox = new SafeSandbox(inner, () => {
        this.#living.delete(spec.id);
        this.#volumesInUse.delete(volumeId);
      });
      this.#living.set(spec.id, sandbox);
      return sandbox;
    } catch (error) {
      if (reused !== undefined) this.#volumesInUse.delete(reused);
      throw error;
    } finally {
      this.#creating.delete(spec.id);
    }
  }

  async removeTmp(volume: TmpVolume): Promise<void> {
    if (this.#volumesInUse.has(volume.id)) throw new Error(`volume ${volume.id} is in use`);
    await this.removeVolume(volume);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled(this.#creating.values());
    const results = await Promise.allSettled([...this.#living.values()].map((sandbox) => sandbox.destroy()));
    await this.shutDown();
    const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} sandboxes could not be destroyed`);
  }
}
