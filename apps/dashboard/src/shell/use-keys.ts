import { useEffect, useRef } from 'react';
import { useNavigate } from 'react-router';
import { wallMs } from '../ports.ts';
import { meaningOf } from './keys.ts';

const sequenceMs = 1000;

/** Keys that work anywhere: `/`, `?`, and `g` with a page's letter. */
export function useKeys(open: (what: 'help' | 'search') => void): void {
  const navigate = useNavigate();
  const pressedGMs = useRef(-Infinity);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const target = event.target instanceof Element ? event.target : null;
      const taken = event.defaultPrevented || (target?.closest('input, textarea, select, dialog, [contenteditable]') ?? null) !== null;
      const meaning = meaningOf({ key: event.key, modified: event.ctrlKey || event.altKey || event.metaKey, taken }, wallMs() - pressedGMs.current < sequenceMs);
      pressedGMs.current = meaning.does === 'wait' ? wallMs() : -Infinity;
      if (meaning.does === 'go') void navigate(meaning.path);
      if (meaning.does === 'help' || meaning.does === 'search') open(meaning.does);
      if (meaning.does !== 'nothing') event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [navigate, open]);
}
