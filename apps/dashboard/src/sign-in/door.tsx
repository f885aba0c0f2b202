import { useEffect, type ReactNode } from 'react';
import type { Refusal } from '../api/refusal.ts';

/** The frame of the pages before the sign-in. */
export function Door({ title, refusal, children }: { readonly title: string; readonly refusal: Refusal | undefined; readonly children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Godwit`;
  }, [title]);
  return (
    <main className="alone">
      <section className="card door" aria-labelledby="title">
        <p className="brand">
          <span className="brand-mark" aria-hidden="true" />
          Godwit
        </p>
        <h1 id="title" tabIndex={-1}>
          {title}
        </h1>
        {children}
        <div className="door-said">
          {refusal === undefined ? null : (
            <div className="failed" role="alert">
              <p>
                <strong>It did not work:</strong> {refusal.message} <code>{refusal.code}</code>
              </p>
              <p className="quiet">Next step: {refusal.hint}.</p>
            </div>
          )}
        </div>
      </section>
    </main>
  );
}
