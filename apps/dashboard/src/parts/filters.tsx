import { useEffect, useRef, useState } from 'react';

/** Fields above a list; what they hold stands in the URL, and who owns that is told. */

/** Typing is told when it has paused, so that the coordinator is not asked for every letter. */
export function TextFilter({ title, value, limit, onChange }: { readonly title: string; readonly value: string; readonly limit: number; readonly onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    // The URL has changed by other means: a link, or Back.
    if (value !== told.current) setTyped(value);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (typed === told.current) return undefined;
    const timer = setTimeout(() => {
      told.current = typed;
      onChange(typed);
    }, pauseMs);
    return () => clearTimeout(timer);
  }, [typed, onChange]);
  return (
    <label className="field">
      <span>{title}</span>
      <input type="search" value={typed} maxLength={limit} autoComplete="off" spellCheck={false} onChange={(event) => setTyped(event.target.value)} />
    </label>
  );
}

const pauseMs = 200;

interface ChoiceProps<Value extends string> {
  readonly title: string;
  readonly value: Value | null;
  readonly options: readonly { readonly value: Value; readonly word: string }[];
  /** The word for no choice; absent: there always is one. */
  readonly all?: string;
  readonly onChange: (value: Value | null) => void;
}

export function Choice<Value extends string>({ title, value, options, all, onChange }: ChoiceProps<Value>) {
  return (
    <label className="field">
      <span>{title}</span>
      <select value={value ?? ''} onChange={(event) => onChange(options.find((option) => option.value === event.target.value)?.value ?? null)}>
        {all === undefined ? null : <option value="">{all}</option>}
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.word}
          </option>
        ))}
      </select>
    </label>
  );
}
