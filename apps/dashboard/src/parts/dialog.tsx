import { useEffect, useId, useRef, type ReactNode } from 'react';

/** A modal dialog by the browser's own element: it keeps the focus inside, closes with Escape, and gives the focus back. */
export function Dialog({ title, onClose, children }: { readonly title: string; readonly onClose: () => void; readonly children: ReactNode }) {
  const id = useId();
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (dialog?.open === false) {
      dialog.showModal();
      // The browser would choose the first button, which closes it; React's autoFocus comes before there is anything to see.
      dialog.querySelector<HTMLElement>('input, select, .button-main')?.focus();
    }
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      className="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === element.current) onClose();
      }}
    >
      <div className="dialog-body">
        <header className="card-head">
          <h2 id={id}>{title}</h2>
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
