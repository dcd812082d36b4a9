import { useCallback, useEffect, useState } from "react";
import { NodError } from "../../sdk";
import { type Trouble, trouble } from "../problem";
import { type Block, type BlockKind, type BlockName, blockWords } from "./blocks";
import { read, send } from "./session";

/** What came of an act; `unfit`: the server knows no such value, or has no such block. */
export type Outcome = "done" | "unfit" | "failed";

/** What is blocked, and what an operator may do about it. */
export interface Blocks {
  blocks: Block[] | null;
  /** Why they cannot be read. */
  unread: Trouble | null;
  busy: boolean;
  /** Why the last act was not done; null where that is said at the field. */
  problem: Trouble | null;
  /** What came of the last act, in words. */
  said: string;
  add: (kind: BlockKind, value: string) => Promise<Outcome>;
  lift: (name: BlockName) => Promise<Outcome>;
  /** Forgets what was refused and what was said. */
  forget: () => void;
}

const path = "/api/v1/blocks";

/** Reads what is blocked, again whenever `heard` moves and after each act. */
export function useBlocks(token: string, heard: number): Blocks {
  const [blocks, setBlocks] = useState<Block[] | null>(null);
  const [unread, setUnread] = useState<Trouble | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Trouble | null>(null);
  const [said, setSaid] = useState("");

  const look = useCallback(
    async (signal?: AbortSignal) => {
      try {
        const found = await read<{ blocks: Block[] }>(token, path, signal);
        if (signal?.aborted) return;
        setBlocks(found.blocks);
        setUnread(null);
      } catch (error) {
        if (!signal?.aborted) setUnread(trouble(error));
      }
    },
    [token],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: an act is a reason to read again
  useEffect(() => {
    const abort = new AbortController();
    void look(abort.signal);
    return () => abort.abort();
  }, [look, heard]);

  const forget = () => {
    setProblem(null);
    setSaid("");
  };
  const act = async (work: () => Promise<string>): Promise<Outcome> => {
    setBusy(true);
    forget();
    try {
      setSaid(await work());
      await look();
      return "done";
    } catch (error) {
      if (error instanceof NodError && [404, 422].includes(error.status)) {
        await look(); // it may be gone already
        return "unfit";
      }
      setProblem(trouble(error));
      return "failed";
    } finally {
      setBusy(false);
    }
  };
  return {
    blocks,
    unread,
    busy,
    problem,
    said,
    forget,
    add: (kind, value) =>
      act(async () => {
        const block = await send<Block>(token, path, { kind, value });
        const words = blockWords(block.kind, block.label);
        const before = blocks?.some(
          ({ id, label }) => id === block.id && (id !== undefined || label === block.label),
        );
        return before ? `It was blocked before: ${words}.` : `Blocked: ${words}.`;
      }),
    lift: (name) =>
      act(async () => {
        await send(token, `${path}/lift`, name);
        return "The block is lifted.";
      }),
  };
}
