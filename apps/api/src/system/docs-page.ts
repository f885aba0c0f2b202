/** The OpenAPI document as a page for people: plain HTML, no script, nothing from elsewhere. */

type Json = Record<string, unknown>;

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow: auto; padding: .7rem; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 4px; max-height: 24rem; }
table { border-collapse: collapse; } td { padding: .15rem 1rem .15rem 0; vertical-align: top; }
nav { columns: 2; } nav a { display: block; } .method { font-weight: 700; display: inline-block; min-width: 3.4rem; }
summary { cursor: pointer; }`;

export function renderDocs(document: Json): string {
  const info = document['info'] as Json;
  const operations = Object.entries(document['paths'] as Record<string, Json>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation: operation as Json })),
  );
  const links = operations.map(({ path, method, operation }) => `<a href="#${text(operation['operationId'])}"><span class="method">${method}</span> <code>${text(path)}</code></a>`);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${text(info['title'])}</title><style>${style}</style></head><body>
<h1>${text(info['title'])} ${text(info['version'])}</h1><p>${text(info['description'])}</p>
<p>As OpenAPI 3.1: <a href="/docs/openapi.json">/docs/openapi.json</a></p>
<nav>${links.join('\n')}</nav>
${operations.map(section).join('\n')}
</body></html>`;
}

function section({ path, method, operation }: { path: string; method: string; operation: Json }): string {
  const security = (operation['security'] as Json[])[0];
  const body = (operation['requestBody'] as Json | undefined)?.['content'];
  const answers = Object.entries(operation['responses'] as Record<string, Json>);
  const success = answers.find(([status]) => Number(status) < 400)?.[1]['content'];
  return `<section id="${text(operation['operationId'])}"><h2><span class="method">${method}</span> <code>${text(path)}</code></h2>
<p>${text(operation['summary'])}. ${security === undefined ? 'Open to anybody.' : 'device' in security ? 'Signed by a device.' : 'Permitted by its URL.'}</p>
<table>${answers.map(([status, answer]) => `<tr><td><code>${text(status)}</code></td><td>${text(answer['description'])}</td></tr>`).join('')}</table>
${details('Parameters', operation['parameters'])}${details('Body', body)}${details('Answer', success)}</section>`;
}

function details(title: string, value: unknown): string {
  return value === undefined ? '' : `<details><summary>${title}</summary><pre>${text(JSON.stringify(value, null, 2))}</pre></details>`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function text(value: unknown): string {
  return String(value).replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
