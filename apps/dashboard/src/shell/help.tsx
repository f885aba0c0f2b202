import { Dialog } from '../parts/dialog.tsx';
import { places } from './places.ts';

/** The keys that work anywhere. */
export function Help({ onClose }: { readonly onClose: () => void }) {
  const keys: readonly (readonly [string, string])[] = [
    ['/', 'Search desktops and hosts'],
    ['?', 'These keys'],
    ['Esc', 'Close what is open'],
    ['Tab', 'The next thing; tables scroll with the arrow keys when they have the focus'],
    ...places.map(({ letter, title }) => [`g ${letter}`, title] as const),
  ];
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl className="keys">
        {keys.map(([press, what]) => (
          <div key={press}>
            <dt>
              {press.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
