import { Link } from 'react-router';
import type { Wording } from '../words/wordings.ts';

/** A state as a word; its colour only repeats it. With a term, the word leads to its meaning in the glossary. */
export function Badge({ wording: { word, tone, term, meaning } }: { readonly wording: Wording }) {
  const mark = <span className="badge-mark" aria-hidden="true" />;
  if (term === undefined) {
    return (
      <span className={`badge tone-${tone}`} title={meaning}>
        {mark}
        {word}
      </span>
    );
  }
  return (
    <Link className={`badge tone-${tone}`} title={meaning} to={`/glossary#${term}`}>
      {mark}
      {word}
    </Link>
  );
}

/** A word of Godwit's own that leads to what it means. */
export function Term({ term, children }: { readonly term: string; readonly children: string }) {
  return (
    <Link className="term" to={`/glossary#${term}`}>
      {children}
    </Link>
  );
}
