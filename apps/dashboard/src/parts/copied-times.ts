/** Whoever copies a time from the page gets what programs read: ISO 8601 with its zone. */
export function copyTimesAsIso(event: ClipboardEvent): void {
  const selection = document.getSelection();
  if (selection === null || selection.isCollapsed || selection.rangeCount === 0) return;
  const range = selection.getRangeAt(0);
  const from = range.commonAncestorContainer;
  const around = (from instanceof Element ? from : from.parentElement)?.closest('time');
  const copied = range.cloneContents();
  if (around !== null && around !== undefined) {
    put(event, around.dateTime);
    return;
  }
  const times = copied.querySelectorAll('time');
  if (times.length === 0) return;
  for (const time of times) time.replaceChildren(time.dateTime);
  for (const cell of copied.querySelectorAll('td, th')) cell.append('\t');
  for (const line of copied.querySelectorAll('tr, li, p, dt, dd, h1, h2, h3')) line.append('\n');
  put(event, (copied.textContent).replaceAll(/\t\n/g, '\n').trim());
}

function put(event: ClipboardEvent, text: string): void {
  event.clipboardData?.setData('text/plain', text);
  event.preventDefault();
}
