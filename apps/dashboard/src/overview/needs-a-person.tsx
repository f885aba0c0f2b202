import { Link } from 'react-router';
import type { ShownAttention } from '@godwit/wire/operators';
import { useAct } from '../api/act.tsx';
import { Badge } from '../parts/badge.tsx';
import { Empty } from '../parts/card.tsx';
import { Time } from '../parts/figures.tsx';
import { Refused } from '../parts/refused.tsx';
import { pathToDesktop, pathToTrust } from '../shell/places.ts';
import { useMay } from '../shell/session.tsx';
import { attentionTitles, severities } from '../words/wordings.ts';

/** What needs a person, worst first: what is the matter, since when, and the next step; what somebody takes care of comes last. */
export function NeedsAPerson({ list }: { readonly list: readonly ShownAttention[] }) {
  if (list.length === 0) {
    return <Empty title="Nobody is needed">No host that holds a desktop is lost, no desktop is unprotected, no move stands still, and the store is as it should be.</Empty>;
  }
  return (
    <ul className="needs">
      {list.map((entry) => (
        <li key={entry.id} className="need">
          <div className="need-head">
            <Badge wording={severities[entry.severity]} />
            <h3>{attentionTitles[entry.code]}</h3>
            <Time ms={entry.sinceMs} short />
          </div>
          <p>
            <Prose text={sentence(entry.text)} />
          </p>
          <p className="need-step">
            <span className="quiet">Next step: </span>
            <Prose text={sentence(entry.nextStep)} /> <Where entry={entry} />
          </p>
          <Care entry={entry} />
        </li>
      ))}
    </ul>
  );
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** What stands between backticks is something to type. */
function Prose({ text }: { readonly text: string }) {
  return text.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}

function Where({ entry: { accountId, desktopId, hostId, code } }: { readonly entry: ShownAttention }) {
  if (accountId !== null && desktopId !== null) return <Link to={pathToDesktop(accountId, desktopId)}>The desktop</Link>;
  if (accountId !== null && hostId !== null) return <Link to={pathToTrust(accountId)}>The host and its account</Link>;
  return code === 'SCRUB_FAILED' || code === 'SCRUB_BEHIND' || code === 'STORE_FILLING' || code === 'JOB_FAILED' ? <Link to="/store">The store</Link> : null;
}

/** Who takes care of it; operators may say that they do. It is new again when it comes again or becomes worse. */
function Care({ entry: { id, code, acknowledged } }: { readonly entry: ShownAttention }) {
  const may = useMay('operator');
  const { act, busy, refusal } = useAct('acknowledgeAttention', ['readOverview']);
  if (!may && acknowledged === null) return null;
  return (
    <div className="need-care">
      {acknowledged === null ? null : (
        <span>
          {acknowledged.operatorName} takes care of it, since <Time ms={acknowledged.timeMs} short />
        </span>
      )}
      {may ? (
        <button type="button" className="link" disabled={busy} aria-label={`${acknowledged === null ? 'I take care of it' : 'Nobody takes care of it any more'}: ${attentionTitles[code]}`} onClick={() => void act({ body: { id, acknowledged: acknowledged === null } })}>
          {acknowledged === null ? 'I take care of it' : 'Take that back'}
        </button>
      ) : null}
      <Refused refusal={refusal} />
    </div>
  );
}
