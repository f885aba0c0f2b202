import type { Refusal } from '../api/refusal.ts';

/** Why an act was not done, and what to do next; nothing where nothing was refused. */
export function Refused({ refusal }: { readonly refusal: Refusal | undefined }) {
  if (refusal === undefined) return null;
  return (
    <div className="failed" role="alert">
      <p>
        <strong>This was not done:</strong> {refusal.message} <code>{refusal.code}</code>
      </p>
      <p className="quiet">Next step: {refusal.hint}.</p>
    </div>
  );
}
