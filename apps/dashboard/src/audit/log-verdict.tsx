import { useState } from 'react';
import { Dialog } from '../parts/dialog.tsx';
import { absoluteText } from '../words/times.ts';
import type { LogVerdict } from './check.ts';
import { saveFile } from './export.ts';
import type { CheckedAnswer } from './session.ts';
import { currentVisit } from './use-audit.ts';
import { verdictText } from './words.ts';

/** What this browser has found about the log as a whole, and what to do when it is not the log that it knows. */
export function LogVerdictNote({ verdict, last, onForgotten }: { readonly verdict: LogVerdict; readonly last: CheckedAnswer | undefined; readonly onForgotten: () => void }) {
  const [asking, setAsking] = useState(false);
  const visit = currentVisit();
  return (
    <div className={`verdict verdict-${verdict.state}`} role={verdict.state === 'refused' ? 'alert' : 'status'}>
      <p>{verdictText(verdict, absoluteText)}</p>
      {visit.kept.state === 'damaged' ? <p className="quiet">What this browser had kept of its last visit cannot be read, so this counts as its first.</p> : null}
      {verdict.state !== 'refused' ? null : (
        <div className="buttons">
          <button type="button" className="button" onClick={() => saveFile('godwit-log-evidence.json', evidence(last), 'application/json')}>
            Save both heads as evidence
          </button>
          {last === undefined ? null : (
            <button type="button" className="button button-danger" onClick={() => setAsking(true)}>
              Trust this log from now on…
            </button>
          )}
        </div>
      )}
      {asking ? (
        <Forget
          onClose={() => setAsking(false)}
          onYes={() => {
            visit.forget();
            setAsking(false);
            onForgotten();
          }}
        />
      ) : null}
    </div>
  );
}

/** What was seen before and what is shown now, both signed: somebody else can tell from it who is wrong. */
function evidence(last: CheckedAnswer | undefined): string {
  const { kept, seen } = currentVisit();
  const shown = last === undefined ? null : { logKey: last.answer.logKey, audience: last.answer.audience, head: last.answer.head, consistency: last.answer.consistency };
  return `${JSON.stringify({ atStart: kept, seen, shown }, null, 2)}\n`;
}

function Forget({ onClose, onYes }: { readonly onClose: () => void; readonly onYes: () => void }) {
  return (
    <Dialog title="Trust another log?" onClose={onClose}>
      <p>This browser forgets the log that it knows, and trusts the one that is shown now as if it had never seen one. What was changed before that cannot be noticed here any more.</p>
      <p>Do it only if you know why the log is another, such as a coordinator that was set up anew, and after the evidence is saved.</p>
      <div className="buttons">
        <button type="button" className="button button-danger" onClick={onYes}>
          Forget the old log
        </button>
        <button type="button" className="button" onClick={onClose}>
          Keep it
        </button>
      </div>
    </Dialog>
  );
}
