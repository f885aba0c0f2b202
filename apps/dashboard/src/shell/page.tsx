import { useEffect, type ReactNode } from 'react';

/** The frame of one page: its title in the document and as its first heading, which takes the focus when somebody comes here (see layout.tsx). */
export function Page({ title, lead, aside, children }: { readonly title: string; readonly lead?: ReactNode; readonly aside?: ReactNode; readonly children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Godwit`;
  }, [title]);
  return (
    <>
      <header className="page-head">
        <div>
          <h1 id="title" tabIndex={-1}>
            {title}
          </h1>
          {lead === undefined ? null : <p className="lead">{lead}</p>}
        </div>
        {aside}
      </header>
      {children}
    </>
  );
}
