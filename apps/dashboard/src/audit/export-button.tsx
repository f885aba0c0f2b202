import { useState } from 'react';
import { asRefusal, type Refusal } from '../api/refusal.ts';
import { Failed } from '../parts/card.tsx';
import { countText, plural } from '../words/figures.ts';
import { exportLimit, exportLines, saveFile } from './export.ts';
import type { AuditFilters } from './filters.ts';
import { askAudit } from './use-audit.ts';

/** Reads all that the filters leave, checks it, and gives it to the person as JSON lines. */
export function ExportButton({ filters }: { readonly filters: AuditFilters }) {
  const [read, setRead] = useState<number | null>(null);
  const [said, setSaid] = useState('');
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const run = async (): Promise<void> => {
    setRefusal(null);
    setRead(0);
    try {
      const { lines, refused } = await exportLines((before) => askAudit(filters, before), setRead);
      saveFile('godwit-audit.jsonl', lines.map((line) => `${line}\n`).join(''), 'application/jsonl');
      setSaid(`${plural(lines.length, 'entry', 'entries')} exported, ${refused === 0 ? 'all proven' : `${countText(refused)} of them not proven`}${lines.length >= exportLimit ? '; older ones were left out: narrow it down' : ''}.`);
    } catch (error) {
      setRefusal(asRefusal(error));
    } finally {
      setRead(null);
    }
  };
  return (
    <>
      <button type="button" className="button" disabled={read !== null} onClick={() => void run()}>
        Export as JSON lines
      </button>
      <span role="status" className="quiet">
        {read === null ? said : `${countText(read)} read and checked`}
      </span>
      {refusal === null ? null : <Failed refusal={refusal} />}
    </>
  );
}
