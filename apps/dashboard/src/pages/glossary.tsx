import { useEffect } from 'react';
import { useLocation } from 'react-router';
import { houseWords, pageWords, type GlossaryEntry } from '@godwit/wire/operators';
import { Page } from '../shell/page.tsx';

/** What the words mean; every badge and dotted word leads here. */
export function Component() {
  const { hash } = useLocation();
  useEffect(() => {
    const entry = hash === '' ? null : document.getElementById(decodeURIComponent(hash.slice(1)));
    entry?.focus();
    entry?.scrollIntoView({ block: 'center' });
  }, [hash]);
  return (
    <Page title="Glossary" lead="The same words in this dashboard, the command line, the logs and the docs.">
      <Words title="Words of Godwit" entries={houseWords} chosen={hash.slice(1)} />
      <Words title="Words of this dashboard" entries={pageWords} chosen={hash.slice(1)} />
    </Page>
  );
}

function Words({ title, entries, chosen }: { readonly title: string; readonly entries: readonly GlossaryEntry[]; readonly chosen: string }) {
  return (
    <section className="card">
      <h2>{title}</h2>
      <dl className="facts glossary">
        {entries.map(({ term, word, meaning }) => (
          <div key={term} className={term === chosen ? 'facts-row chosen' : 'facts-row'}>
            <dt id={term} tabIndex={-1}>
              {word}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
