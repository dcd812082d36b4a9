import { useEffect, useId, useRef, useState } from "react";
import { Button } from "../../component/Button";
import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { BlockForm } from "./BlockForm";
import { type Block, blockQuestion, blockWords, liftQuestion, nameOf } from "./blocks";
import { ConfirmDialog, type Question } from "./ConfirmDialog";
import { type Blocks, type Outcome, useBlocks } from "./useBlocks";
import { when } from "./when";
import "./BlocksPane.css";

/** What is asked about in the dialog, and what is to be done then. */
interface Asked {
  question: Question;
  go: () => Promise<Outcome>;
  /** Hears what came of it; absent: the list tells. */
  told?: (outcome: Outcome) => void;
}

/** What operators have blocked: numbers, prefixes, countries and people; add to it, and lift it. */
export function BlocksPane({ token, heard }: { token: string; heard: number }) {
  const blocks = useBlocks(token, heard);
  const [asked, ask] = useState<Asked | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const used = useRef(false);
  const id = useId();
  // What had the focus may be gone with the block.
  useEffect(() => {
    if (!used.current || asked || document.activeElement !== document.body) return;
    heading.current?.focus({ preventScroll: true });
  }, [asked]);
  const open = (next: Asked) => {
    used.current = true;
    blocks.forget();
    ask(next);
  };
  const go = async () => {
    if (!asked) return true;
    const outcome = await asked.go();
    asked.told?.(outcome);
    return outcome !== "failed";
  };
  return (
    <section className="pane blocks" aria-labelledby={id}>
      <h2 id={id} ref={heading} tabIndex={-1}>
        Blocks
      </h2>
      <BlockForm
        busy={blocks.busy}
        onBlock={(kind, value, told) =>
          open({ question: blockQuestion(kind, value), go: () => blocks.add(kind, value), told })
        }
        onLift={(kind, value, told) =>
          open({
            question: liftQuestion(kind, value),
            go: () => blocks.lift({ kind, value }),
            told,
          })
        }
      />
      <p className="blocks-said" role="status">
        {blocks.said}
      </p>
      {blocks.unread && (
        <Notice tone="problem" icon="warning" title={blocks.unread.title}>
          {blocks.unread.text}
        </Notice>
      )}
      <BlockList
        blocks={blocks}
        onLift={(block) =>
          open({
            question: liftQuestion(block.kind, block.label),
            go: () => blocks.lift(nameOf(block)),
          })
        }
      />
      <ConfirmDialog
        question={asked?.question ?? null}
        busy={blocks.busy}
        problem={blocks.problem}
        onGo={go}
        onClose={() => ask(null)}
      />
    </section>
  );
}

function BlockList({
  blocks: { blocks, unread, busy },
  onLift,
}: {
  blocks: Blocks;
  onLift: (block: Block) => void;
}) {
  if (!blocks) return unread ? null : <Skeleton lines={2} />;
  if (blocks.length === 0) {
    return (
      <p className="pane-empty">
        Nothing is blocked by hand. What you block stands here, with who did it and when.
      </p>
    );
  }
  return (
    <ul className="blocks-list" aria-label="What is blocked">
      {blocks.map((block) => (
        <li key={block.id ?? block.label} className="blocks-one">
          <span className="blocks-what">{blockWords(block.kind, block.label)}</span>
          <span className="blocks-who">
            {when(block.at)} {block.by && <code>{block.by}</code>}
          </span>
          <Button
            disabled={busy}
            aria-haspopup="dialog"
            aria-label={`Lift the block of ${blockWords(block.kind, block.label)}`}
            onClick={() => onLift(block)}
          >
            Lift
          </Button>
        </li>
      ))}
    </ul>
  );
}
