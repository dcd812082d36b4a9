import { QRCodeSVG } from "qrcode.react";
import { useEffect, useState } from "react";
import { Notice } from "../../component/Notice";
import { Skeleton } from "../../component/Skeleton";
import { Rest } from "../../sdk";
import { asPerson, type Person } from "../person";
import { type Trouble, trouble } from "../problem";
import { onlyHere } from "./model";

const rest = new Rest({ baseUrl: location.origin });

/** A link, also as a QR code, that makes a real phone one of this person's. Good once, for ten minutes. */
export function OwnPhone({ person }: { person: Person }) {
  const [link, setLink] = useState<string | null>(null);
  const [problem, setProblem] = useState<Trouble | null>(null);
  useEffect(() => {
    let current = true;
    rest
      .call<{ link: string }>("POST", "/demo/enrollments", {
        body: {},
        headers: asPerson(person.demo_token),
      })
      .then(
        (answer) => current && setLink(answer.link),
        (error) => current && setProblem(trouble(error)),
      );
    return () => {
      current = false;
    };
  }, [person]);
  if (problem) {
    return (
      <Notice tone="problem" icon="warning" title={problem.title}>
        {problem.text}
      </Notice>
    );
  }
  if (!link) return <Skeleton lines={4} label="Making a link" />;
  return (
    <div className="own">
      <QRCodeSVG
        className="own-code"
        value={link}
        size={176}
        marginSize={2}
        bgColor="#ffffff"
        fgColor="#1d1b17"
        title="QR code that sets up your phone"
      />
      <p>
        Point your phone's camera at it, or <a href={link}>open the link</a> there. It works once,
        within ten minutes.
      </p>
      {onlyHere(new URL(link).hostname) && (
        <p>
          This server listens on this computer only. To let a phone in, put an https address before
          it and start it with NOD_PUBLIC_URL, NOD_SECRET and NOD_SIMULATOR=true.
        </p>
      )}
    </div>
  );
}
